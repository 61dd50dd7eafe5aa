"""A detector over images on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from maenas.blocks import SpecError, load_backbone
from maenas.detector import load_template
from maenas.detector.checkpoints.checkpoint import build_network
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.evaluate.classes import match_classes
from maenas.detector.evaluate.evaluate import (
    THRESHOLDS,
    detected,
    evaluate,
    evaluation,
    published_thresholds,
)
from maenas.detector.model.spec import assemble
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from tests.labelled_images import CLASSES, ColourFinder, paint
from tests.small_detector import constant_weights, small_spec

# class and corners of what is on each image; the second shows one object a colour and more
IMAGES = (
    ((0, 8, 8, 24, 24), (1, 32, 8, 56, 40)),
    ((2, 4, 4, 20, 36),),
    (),
    ((0, 8, 40, 40, 56), (2, 40, 8, 60, 24)),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A YOLO data set that `ColourFinder` knows all of."""
    for number, rows in enumerate(IMAGES):
        paint(tmp_path / f"images/val/{number}.png", *rows)
        lines = [
            f"{k} {(x1 + x2) / 128} {(y1 + y2) / 128} {(x2 - x1) / 64} {(y2 - y1) / 64}"
            for k, x1, y1, x2, y2 in rows
        ]
        labels = tmp_path / f"labels/val/{number}.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text("\n".join(lines))
    named(tmp_path, CLASSES)
    return tmp_path


def test_a_detector_that_finds_all_has_ap_1(folder: Path) -> None:
    done: list[int] = []
    result = evaluate(ColourFinder(), opened(folder), batch=3, progress=done.append)
    assert result.scores.ap == result.scores.ap50 == pytest.approx(1)
    assert [each.objects for each in result.scores.per_class] == [2, 1, 2]
    assert [len(each.found) for each in result.seen] == [2, 1, 0, 2]
    assert done == [3, 1]
    assert result.skipped == ()
    assert result.thresholds == THRESHOLDS


@pytest.mark.parametrize("world", [1, 2, 4, 5])
def test_processes_that_share_the_images_get_the_result_of_one(world: int, folder: Path) -> None:
    dataset = opened(folder)
    (folder / "images/val/1.png").write_bytes(b"no image")
    whole = evaluate(ColourFinder(), dataset, batch=2)
    parts = [
        detected(ColourFinder(), dataset, THRESHOLDS, 2, rank=rank, world=world)
        for rank in range(world)
    ]
    shares = [len(part.found) + len(part.skipped) for part in parts]
    assert shares == ([4] if world == 1 else [2, 2, 0, 0, 0][:world])
    shared = evaluation(dataset, parts, THRESHOLDS)
    assert shared.scores == whole.scores
    assert [each.sample.image_id for each in shared.seen] == [
        each.sample.image_id for each in whole.seen
    ]
    assert shared.skipped == whole.skipped


@pytest.mark.parametrize(
    ("scale", "expected"), [("s", Thresholds(0.05, 0.7, 500)), ("ns", Thresholds(0.03, 0.65, 500))]
)
def test_thresholds_are_those_published_for_the_scale(scale: str, expected: Thresholds) -> None:
    backbone = load_backbone(f"zoo:damo-yolo-{scale}")
    spec = assemble(backbone, load_template(scale))
    assert published_thresholds(spec.is_nano) == expected


@pytest.mark.parametrize("batch", [1, 3, 9])
@pytest.mark.parametrize("readers", [0, 2])
def test_batches_and_readers_change_nothing(folder: Path, batch: int, readers: int) -> None:
    finder = ColourFinder()
    result = evaluate(finder, opened(folder), batch=batch, readers=readers)
    assert result.scores.ap == pytest.approx(1)
    assert [each.sample.path.stem for each in result.seen] == ["0", "1", "2", "3"]
    assert finder.batches == {1: [1, 1, 1, 1], 3: [3, 1], 9: [4]}[batch]


def test_images_that_do_not_open_are_skipped_and_named(folder: Path) -> None:
    data = opened(folder)
    (folder / "images/val/0.png").write_bytes(b"damaged since")
    paint(folder / "images/val/3.png", (0, 8, 40, 40, 56))  # one object less
    result = evaluate(ColourFinder(), data, batch=2)
    assert len(result.seen) == 3
    assert len(result.skipped) == pytest.approx(1)
    assert "0.png: is not an image" in result.skipped[0]
    # green was on that image alone; of two blue ones one is left: 51 of 101 recalls are reached
    ap = [each.ap for each in result.scores.per_class]
    assert ap == [pytest.approx(1), None, pytest.approx(51 / 101)]


def test_no_image_at_all_is_an_error(folder: Path) -> None:
    data = opened(folder)
    for path in (folder / "images/val").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of its 4 images can be read"):
        evaluate(ColourFinder(), data)


def test_no_object_at_all_is_an_error_before_anything_runs(folder: Path) -> None:
    for path in (folder / "labels/val").iterdir():
        path.write_text("")
    finder = ColourFinder()
    with pytest.raises(DataError, match="none of 4 images has an object"):
        evaluate(finder, opened(folder))
    assert finder.batches == []


def test_a_batch_of_nothing_is_an_error(folder: Path) -> None:
    with pytest.raises(SpecError, match="batch must be at least 1, got 0"):
        evaluate(ColourFinder(), opened(folder), batch=0)


def test_classes_are_matched_by_name(folder: Path) -> None:
    named(folder, ("red", "green", "blue"))
    finder = ColourFinder()
    finder.names = ("blue", "green", "red")  # says blue where it sees red
    assert evaluate(finder, opened(folder)).scores.per_class[1].ap == pytest.approx(1)
    assert evaluate(finder, opened(folder)).scores.ap == pytest.approx(1 / 3)
    named(folder, ("blue", "green", "red"))  # and so does the data set
    assert evaluate(finder, opened(folder)).scores.ap == pytest.approx(1)


def test_a_detector_may_know_more_than_is_labelled(folder: Path) -> None:
    for path in (folder / "labels/val").iterdir():
        lines = [line for line in path.read_text().splitlines() if line[0] == "2"]
        path.write_text("\n".join("0" + line[1:] for line in lines))
    named(folder, ("blue",))
    result = evaluate(ColourFinder(), opened(folder))
    assert result.scores.ap == pytest.approx(1)
    assert [each.found.labels for each in result.seen] == [(), ("blue",), (), ("blue",)]


def test_a_class_the_detector_lacks_is_an_error(folder: Path) -> None:
    named(folder, ("red", "gren", "blue"))
    with pytest.raises(DataError, match=r"class 'gren' is none of the 3 .* did you mean green"):
        match_classes(CLASSES, opened(folder))


def test_classes_without_names_go_by_number(folder: Path) -> None:
    assert evaluate(ColourFinder(()), opened(folder)).scores.ap == pytest.approx(1)
    for path in (folder / "labels/val").iterdir():
        path.write_text("\n".join(line for line in path.read_text().splitlines() if line[0] < "2"))
    named(folder, ("red", "green"))
    with pytest.raises(DataError, match="has 2 classes, the detector found class 2"):
        evaluate(ColourFinder(()), opened(folder))


def test_a_network_in_memory_is_evaluated_as_it_is(folder: Path) -> None:
    spec = small_spec("stretch", CLASSES)
    network = build_network(spec, constant_weights(spec)).train()
    result = evaluate(TorchRuntime(spec, network), opened(folder), batch=4)
    assert network.training
    assert all(each.found.labels == ("green",) * 4 for each in result.seen)  # in every cell
    assert result.scores.ap == 0  # no cell overlaps the green one by half
    assert min(result.latency.before, result.latency.network, result.latency.after) > 0
    assert set(result.latency.to_json()) == {"before", "network", "after"}


def opened(folder: Path) -> Dataset:
    return read_dataset(folder / "data.yaml", "val")


def named(folder: Path, names: tuple[str, ...]) -> None:
    """Writes the data.yaml."""
    (folder / "data.yaml").write_text(f"val: images/val\nnames: [{', '.join(names)}]\n")
