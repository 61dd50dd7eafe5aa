"""A union is read like any other data set, and what is wrong in its file is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from maenas.detector.data.dataset import DataError
from maenas.detector.data.index.digest import digest_of
from maenas.detector.data.labelled import EVERY_CLASS
from maenas.detector.data.readers.read import names_of, read_dataset, splits_of

PETS = {"cat": "cat", "dog": "dog", "bat": "split"}
FARM = {
    "Cats": "cat",
    "cow": "cow",
    "bull": "bull",
    "cattle": ["cow", "bull"],
    "fence": "ignore",
}
Write = Callable[..., Path]


@pytest.fixture
def write_union(tmp_path: Path, write_coco: Write) -> Write:
    """Writes a union of two data sets; arguments replace keys of its file."""
    write_coco("pets", list(PETS), [[(0, 1, 2, 10, 10), (2, 20, 2, 10, 10)], [(1, 5, 5, 9, 9)]])
    write_coco("farm", list(FARM), [[(k, 1 + 11 * k, 2, 9, 9) for k in range(5)]], val=False)

    def write(pets: Any = None, farm: Any = None, **keys: Any) -> Path:
        data = {
            "format": "maenas/union@1",
            "sources": {
                "pets": {"data": "pets/data.yaml", "classes": PETS if pets is None else pets},
                "farm": {"data": "farm/data.yaml", "classes": FARM if farm is None else farm},
            },
            **keys,
        }
        path = tmp_path / "union.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False))
        return path

    return write


def test_images_of_all_sources_have_the_classes_of_the_union(write_union):
    dataset = read_dataset(write_union(), "train")
    assert dataset.names == ("cat", "dog", "bat (pets)", "cow", "bull")
    assert [sample.path.parts[-3] for sample in dataset.samples] == ["pets", "pets", "farm"]
    assert [sample.image_id for sample in dataset.samples] == [0, 1, 2]
    assert [sample.labels.tolist() for sample in dataset.samples] == [
        [0, 2],
        [1],
        [0, 3, 4, 3, 4, EVERY_CLASS],
    ]
    assert dataset.samples[2].crowd.tolist() == [False, False, False, True, True, True]
    assert dataset.samples[2].boxes[3].tolist() == dataset.samples[2].boxes[4].tolist()
    assert dataset.counts().tolist() == [2, 1, 1, 1, 1]


def test_a_source_annotates_the_classes_that_are_mapped_to_one(write_union):
    dataset = read_dataset(write_union(), "train")
    assert [source.name for source in dataset.sources] == ["pets", "farm"]
    assert [source.annotated.tolist() for source in dataset.sources] == [
        [True, True, True, False, False],
        [True, False, False, True, True],
    ]
    known = dataset.annotated(2)
    assert known is not None
    assert known.tolist() == [True, False, False, True, True]


def test_a_split_has_the_images_of_the_sources_that_have_it(write_union):
    path = write_union()
    assert splits_of(path) == ("train", "val")
    val = read_dataset(path, "val")
    assert len(val) == 2
    assert val.names == names_of(path) == read_dataset(path).names
    with pytest.raises(DataError, match=r"union.yaml: none of its sources has a split 'test'"):
        read_dataset(path, "test")


def test_names_give_the_order_of_the_classes(write_union):
    names = ["bull", "cow", "dog", "cat", "bat (pets)"]
    assert names_of(write_union(names=names)) == tuple(names)


def test_a_published_union_gives_its_classes_first(write_union):
    path = write_union(labels="coco-objects365-openimages-701")
    names = names_of(path)
    assert names[0] == "bottle"
    assert names[701:] == ("bat (pets)",)


def test_classes_of_a_published_data_set_need_no_entry(write_union, write_coco):
    write_coco("kitchen", ["Bottle", "Knives", "pan"], [[(0, 1, 2, 10, 10)]])
    source = {"data": "kitchen/data.yaml", "labels": "openimages", "classes": {"pan": "pan"}}
    path = write_union(labels="coco-objects365-openimages-701", sources={"kitchen": source})
    dataset = read_dataset(path)
    assert dataset.names[dataset.samples[0].labels[0]] == "bottle (openimages)"
    annotated = np.array(dataset.names)[dataset.sources[0].annotated].tolist()
    assert annotated == ["knife (openimages)", "bottle (openimages)", "pan"]


def test_another_mapping_is_another_training(write_union):
    before = digest_of(read_dataset(write_union()))
    assert digest_of(read_dataset(write_union())) == before
    assert digest_of(read_dataset(write_union(farm={**FARM, "fence": "fence"}))) != before
    assert digest_of(read_dataset(write_union(pets={**PETS, "dog": "ignore"}))) != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"pets": {"cat": "cat", "dog": "dog"}},
            r"sources.pets.classes: class 'bat' of .*pets/data.yaml is mapped to nothing; add "
            "`bat: CLASS`, `ignore` or `split`",
        ),
        ({"pets": {**PETS, "dogs": "dog"}}, r"classes.dogs: .* no such class; did you mean dog"),
        ({"pets": {**PETS, "dog": ""}}, r"classes.dog: must name a class of the union.* got ''"),
        ({"pets": {**PETS, "dog": None}}, r"classes.dog: must name a class .*nothing"),
        ({"pets": {**PETS, "dog": []}}, r"classes.dog: must name a class"),
        ({"pets": {**PETS, "dog": ["a", "a"]}}, r"classes.dog: names a class twice"),
        ({"pets": {**PETS, "dog": ["a", "split"]}}, r"classes.dog: split stands alone, not in a"),
        (
            {"pets": {**PETS, "dog": ["a", "ignore"]}},
            "classes.dog: ignore stands alone",
        ),
        ({"pets": {True: "x"}}, r"classes: True is no name in YAML; write it in quotes"),
        ({"names": ["cat", "cat"]}, r"names\[1\] is 'cat', as is names\[0\]"),
        ({"names": ["cat", "dog"]}, r"'bat \(pets\)' is not among `names`"),
        (
            {"farm": {**FARM, "cow": "ignore"}},
            r"no class of a data set is mapped to 'cow' alone",
        ),
        ({"labels": "coco"}, "labels: no published union 'coco'"),
        ({"labels": "coco-objects365-openimages-701", "names": ["cat"]}, "exclude each other"),
        ({"sources": {}}, "sources: must name 1 to 1,000 data sets, got 0"),
        ({"sources": {"pets": {"classes": PETS}}}, "sources.pets.data: is missing"),
        ({"sources": {"pets": {"data": "none", "classes": {}}}}, "none: no such file or folder"),
        *(
            (
                {"sources": {"pets": {"data": data, "classes": {}}}},
                r"sources.pets.data: cannot be a",
            )
            for data in ("n" * 300, "é" * 200, "a/" * 2000)
        ),
        ({"source": {}}, "source: no such field; did you mean sources"),
        ({"format": "maenas/union@2"}, "written by a newer maenas"),
        ({"format": None}, "lacks the line `format: maenas/union@1`"),
        (
            {"sources": {"self": {"data": "union.yaml", "classes": {}}}},
            "sources.self: .*union.yaml is this union, or one that contains it",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(write_union, changes, message):
    path = write_union(**changes)
    with pytest.raises(DataError, match=message) as refused:
        read_dataset(path, "train")
    assert "\n" not in str(refused.value)


def test_a_class_that_is_mapped_twice_is_refused(write_union):
    path = write_union()
    path.write_text(path.read_text().replace("cat: cat\n", "cat: cat\n      cat: dog\n", 1))
    with pytest.raises(DataError, match="key 'cat' is given twice"):
        read_dataset(path)


def test_a_source_without_images_is_refused_by_its_name(write_union, tmp_path):
    path = write_union()
    (tmp_path / "farm" / "images" / "0.png").unlink()
    with pytest.raises(DataError, match=r"union.yaml: sources.farm: .*farm/labels.json"):
        read_dataset(path)


def test_a_union_of_unions_names_the_sources_inside(write_union, tmp_path):
    inner = write_union()
    inner.rename(tmp_path / "inner.yaml")
    names = {name: name for name in names_of(tmp_path / "inner.yaml")}
    source = {"data": "inner.yaml", "classes": {**names, "dog": "cat"}}
    outer = write_union(sources={"all": source})
    dataset = read_dataset(outer)
    assert [source.name for source in dataset.sources] == ["all/pets", "all/farm"]
    assert dataset.columns.source_of.tolist() == [0, 0, 1]
    # farm labels cats, but not dogs, so whether it shows a cat or dog is unknown
    assert [source.annotated.tolist() for source in dataset.sources] == [
        [True, True, False, False],
        [False, False, True, True],
    ]


def test_two_unions_that_contain_each_other_are_refused(write_union, tmp_path):
    path = write_union(sources={"other": {"data": "other.yaml", "classes": {}}})
    text = path.read_text().replace("other.yaml", "union.yaml")
    (tmp_path / "other.yaml").write_text(text)
    with pytest.raises(DataError, match=r"sources.other: .*is this union, or one that contains it"):
        names_of(path)
