"""The index of a large data set: the same data set, whole or not used at all."""

from __future__ import annotations

import json
import os
import pickle
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.index import read as index_read
from maenas.detector.data.index import store
from maenas.detector.data.index.columns import IndexedSamples, arrays_of
from maenas.detector.data.readers.coco.reader import CocoReader
from maenas.detector.data.readers.read import names_of, read_again, read_dataset
from maenas.detector.data.samples import Samples

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; every data set is large enough for an index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(index_read, "WORTH", 1)
    return tmp_path / "cache" / "maenas" / "index"


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """A COCO file of three images; one has a crowd and an outline, one a wrong box."""
    return write_coco(tmp_path / "set")


def write_coco(folder: Path, name: str = "cat") -> Path:
    (folder / "images").mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (80, 40)).save(folder / "images" / f"{number}.png")
    rows = [
        {"image_id": 0, "bbox": [1, 2, 10, 12], "category_id": 7, "id": 1},
        {"image_id": 0, "bbox": [5, 5, 20, 20], "category_id": 9, "id": 2, "iscrowd": 1},
        {"image_id": 2, "bbox": [0, 0, 8, 8], "category_id": 9, "id": 3},
        {"image_id": 2, "bbox": [0, 0, -8, 8], "category_id": 9, "id": 4},
    ]
    rows[0]["segmentation"] = [[1, 2, 11, 2, 11, 14]]
    data = {
        "images": [
            {"id": number, "file_name": f"{number}.png", "height": 40, "width": 80}
            for number in range(3)
        ],
        "annotations": rows,
        "categories": [{"id": 7, "name": name}, {"id": 9, "name": "dog"}],
    }
    path = folder / "set.json"
    path.write_text(json.dumps(data))
    return path


def write_union(folder: Path) -> Path:
    first, second = write_coco(folder / "a"), write_coco(folder / "b", "bird")
    path = folder / "union.yaml"
    path.write_text(
        "format: maenas/union@1\n"
        f"sources:\n  a: {{data: {first}, classes: {{cat: cat, dog: dog}}}}\n"
        f"  b: {{data: {second}, classes: {{bird: bird, dog: dog}}}}\n"
    )
    return path


def write_csv(folder: Path) -> Path:
    write_coco(folder)
    path = folder / "list.csv"
    path.write_text("filename,class,xmin,ymin,xmax,ymax\nimages/0.png,cat,1,2,11,14\n")
    return path


def write_mixed_union(folder: Path) -> Path:
    """A union of a COCO file, which has an index, and a folder with a label file per image."""
    first = write_coco(folder / "a")
    for name in ("images", "labels"):
        (folder / "b" / name).mkdir(parents=True)
    Image.new("RGB", (80, 40)).save(folder / "b" / "images" / "0.png")
    (folder / "b" / "labels" / "0.txt").write_text("0 0.5 0.5 0.25 0.25\n")
    (folder / "b" / "data.yaml").write_text("train: images\nval: images\nnames: [bird]\n")
    path = folder / "union.yaml"
    path.write_text(
        "format: maenas/union@1\n"
        f"sources:\n  a: {{data: {first}, classes: {{cat: cat, dog: dog}}}}\n"
        f"  b: {{data: {folder / 'b'}, classes: {{bird: bird}}}}\n"
    )
    return path


def assert_same(one: Dataset, other: Dataset) -> None:
    for each in ("source", "names", "category_ids", "problems"):
        assert getattr(one, each) == getattr(other, each)
    assert one.columns.folders == other.columns.folders
    expected = arrays_of(other.columns)
    for name, array in arrays_of(one.columns).items():
        assert array.dtype == expected[name].dtype
        assert np.array_equal(array, expected[name]), name
    assert [source.name for source in one.sources] == [source.name for source in other.sources]
    for source, its in zip(one.sources, other.sources, strict=True):
        assert source.annotated.tolist() == its.annotated.tolist()


def index_of(cache: Path) -> Path:
    (path,) = cache.iterdir()
    return path


def test_a_union_without_an_index_reads_its_members_through_theirs(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_mixed_union(tmp_path / "own")
    expected = read_again(path)
    assert not cache.exists()
    read_dataset(path)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(CocoReader, "read", lambda *_: pytest.fail("read the COCO file again"))
    assert_same(read_dataset(path), expected)


@pytest.mark.parametrize("write", [write_coco, write_union, write_csv])
def test_the_index_is_the_data_set(write: Write, tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path / "own")
    built, opened = read_dataset(path), read_dataset(path)
    assert len(list(cache.iterdir())) == 1
    for dataset in (built, opened):
        assert isinstance(dataset.samples, IndexedSamples)
        assert_same(dataset, read_again(path))


def test_the_second_start_reads_no_annotation_file(
    coco: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_dataset(coco)
    monkeypatch.setattr("maenas.detector.data.readers.coco.reader.load_coco", None)
    assert read_dataset(coco).objects == 3
    assert names_of(coco) == ("cat", "dog")


def test_a_small_data_set_has_no_index(
    coco: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_read, "WORTH", 10_000_000)
    assert type(read_dataset(coco).samples) is Samples
    assert not cache.exists()


def test_a_changed_file_gives_another_index_and_the_old_one_goes(coco: Path, cache: Path) -> None:
    read_dataset(coco)
    before = index_of(cache)
    data = json.loads(coco.read_text())
    data["annotations"].pop()
    data["annotations"].pop()
    coco.write_text(json.dumps(data))
    assert read_dataset(coco).objects == 2
    assert index_of(cache) != before


def test_an_image_that_is_gone_is_noticed_once(
    coco: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_dataset(coco)
    (coco.parent / "images" / "1.png").unlink()
    with caplog.at_level("INFO", "maenas"):
        assert len(read_dataset(coco)) == 2
        assert "the folders of the images have changed; it is built again" in caplog.messages[0]
        caplog.clear()
        assert len(read_dataset(coco)) == 2
    assert caplog.messages == []


def test_a_folder_of_images_that_was_missing_is_noticed(coco: Path) -> None:
    data = json.loads(coco.read_text())
    data["images"][1]["file_name"] = "later/1.png"
    coco.write_text(json.dumps(data))
    assert len(read_dataset(coco)) == 2
    later = coco.parent / "images" / "later"
    later.mkdir()
    (coco.parent / "images" / "1.png").rename(later / "1.png")
    assert len(read_dataset(coco)) == 3


def _cut(index: Path) -> None:
    os.truncate(index / "boxes.npy", 130)


def _header_changed(index: Path) -> None:
    content = bytearray((index / "boxes.npy").read_bytes())
    content[:6] = b"nothing"[:6]
    (index / "boxes.npy").write_bytes(content)


def _missing(index: Path) -> None:
    (index / "labels.npy").unlink()


def _of_another_version(index: Path) -> None:
    head = json.loads((index / "index.json").read_text())
    (index / "index.json").write_text(json.dumps({**head, "format": "maenas/index@0"}))


def _head_cut(index: Path) -> None:
    os.truncate(index / "index.json", 40)


def _without_a_key(index: Path) -> None:
    head = json.loads((index / "index.json").read_text())
    del head["names"]
    (index / "index.json").write_text(json.dumps(head))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_cut, "boxes.npy is cut: it has 130 of"),
        (_header_changed, "boxes.npy: cannot be read"),
        (_missing, "labels.npy is missing"),
        (_of_another_version, "is of another version than maenas/index@4"),
        (_head_cut, "index.json: is damaged"),
        (_without_a_key, "index.json lacks 'names'"),
    ],
)
def test_a_damaged_index_is_built_again(
    damage: Callable[[Path], None],
    said: str,
    coco: Path,
    cache: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    read_dataset(coco)
    damage(index_of(cache))
    with caplog.at_level("INFO", "maenas"):
        assert_same(read_dataset(coco), read_again(coco))
    assert said in caplog.messages[0]
    assert caplog.messages[0].endswith("it is built again")
    caplog.clear()
    with caplog.at_level("INFO", "maenas"):
        read_dataset(coco)
    assert caplog.messages == []


def test_another_process_gets_the_path_not_the_arrays(coco: Path) -> None:
    dataset = read_dataset(coco)
    sent = pickle.dumps(dataset.columns)
    assert len(sent) < 1_000
    assert_same(replace(dataset, samples=pickle.loads(sent)), dataset)


def test_changed_columns_are_sent_whole(coco: Path) -> None:
    columns = read_dataset(coco).columns
    other = replace(columns, labels=columns.labels + np.int32(1))
    received = pickle.loads(pickle.dumps(other))
    assert received.labels.tolist() == [1, 2, 2]
    assert received.boxes.tolist() == columns.boxes.tolist()
    assert {each.name for each in fields(received)} == {each.name for each in fields(Samples)}


def test_a_process_that_starts_after_the_index_is_gone_says_so(coco: Path, cache: Path) -> None:
    sent = pickle.dumps(read_dataset(coco).columns)
    (index_of(cache) / "boxes.npy").unlink()
    with pytest.raises(DataError, match=r"boxes\.npy: cannot be read: .*start again to build it"):
        pickle.loads(sent)


def test_two_builds_at_once_leave_one_whole_index(coco: Path, cache: Path) -> None:
    dataset = read_again(coco)
    first = store.save_index(dataset, coco, "train", "key")
    second = store.save_index(dataset, coco, "train", "key")
    assert first == second == index_of(cache)
    assert_same(store.open_index(first), dataset)


def test_a_folder_that_cannot_be_written_stops_nothing(
    coco: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file in the way")
    with caplog.at_level("INFO", "maenas"):
        assert read_dataset(coco).objects == 3
    assert "index: cannot be kept" in caplog.messages[0]


def test_the_least_recently_opened_indexes_go_first(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = [write_coco(tmp_path / name) for name in "abc"]
    for path in sets[:2]:
        read_dataset(path)
    size = sum(file.stat().st_size for file in next(cache.iterdir()).iterdir())
    for age, index in enumerate(sorted(cache.iterdir(), key=lambda each: each.stat().st_mtime)):
        os.utime(index, (time.time() - 100 + age,) * 2)
    read_dataset(sets[0])  # the second one is now the older
    monkeypatch.setattr(store, "MOST_BYTES", 2.5 * size)
    read_dataset(sets[2])
    kept = {json.loads((each / "index.json").read_text())["path"] for each in cache.iterdir()}
    assert kept == {str(sets[0]), str(sets[2])}


def test_what_a_killed_build_left_goes_after_a_day(coco: Path, cache: Path) -> None:
    old, young = cache / f"{store.PART}old", cache / f"{store.PART}young"
    for each in (old, young):
        each.mkdir(parents=True)
    os.utime(old, (time.time() - 2 * store.ABANDONED_S,) * 2)
    read_dataset(coco)
    assert not old.exists()
    assert young.exists()
