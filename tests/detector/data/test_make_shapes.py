"""Generated data sets: reproducible, as described, and read back as they were drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng

from maenas.blocks.errors import SpecError
from maenas.detector.data import read_dataset
from maenas.detector.data.make_shapes import ShapeSet, make_shapes
from maenas.detector.data.shapes import LEVELS, draw_image


def made(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    return make_shapes(ShapeSet(images=8, **changes), folder)  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_one_seed_makes_one_data_set(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        made(tmp_path / name, seed=seed, size=64)
    first, again, other = (files(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    assert first != other


@pytest.mark.parametrize("level", LEVELS)
def test_it_reads_back_alike_in_both_forms(tmp_path, level):
    path = made(tmp_path / "set", level=level, classes=8)
    for split, count in (("train", 8), ("val", 2)):
        yolo = read_dataset(path, split)
        coco = read_dataset(path.parent / "annotations" / f"instances_{split}.json")
        assert yolo.problems == coco.problems == ()
        assert len(yolo) == len(coco) == count
        assert yolo.names == coco.names
        for one, other in zip(yolo.samples, coco.samples, strict=True):
            assert one.path.resolve() == other.path.resolve()
            np.testing.assert_allclose(one.boxes, other.boxes, atol=0.02)
            np.testing.assert_array_equal(one.labels, other.labels)


def test_the_middle_level_has_objects_of_48_to_96_pixels():
    drawn = [draw_image(default_rng(n), LEVELS["medium"], 3, 256)[1] for n in range(25)]
    rows = np.concatenate(drawn)
    longer = (rows[:, 3:] - rows[:, 1:3]).max(1)
    assert longer.min() >= 47.9
    assert longer.max() <= 96.1
    assert longer.min() < 55
    assert longer.max() > 88
    assert set(rows[:, 0]) == {0, 1, 2}
    assert {len(each) for each in drawn} >= {0, 1, 2, 3}  # some are background
    assert rows[:, 1:].min() >= 0
    assert rows[:, 1:].max() <= 256


def test_a_box_is_around_the_object():
    """On the easy level the ground is smooth: what differs from it is the object."""
    for seed in range(10):
        pixels, rows = draw_image(default_rng(seed), LEVELS["easy"], 3, 128)
        if len(rows) != 1:
            continue
        edge = np.median(pixels[:2].reshape(-1, 3).astype(float), axis=0)
        y, x = np.nonzero(np.abs(pixels - edge).mean(-1) > 40)
        seen = x.min(), y.min(), x.max() + 1, y.max() + 1
        np.testing.assert_allclose(rows[0, 1:], seen, atol=2)


def test_objects_of_the_hard_level_hide_each_other():
    def most_covered(level: str) -> float:
        shares = [0.0]
        for seed in range(12):
            _, rows = draw_image(default_rng(seed), LEVELS[level], 3, 256)
            boxes = rows[:, 1:]
            for i, a in enumerate(boxes):
                for b in boxes[i + 1 :]:
                    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
                    areas = [np.prod(box[2:] - box[:2]) for box in (a, b)]
                    shares.append(float(np.maximum(sides, 0).prod() / min(areas)))
        return max(shares)

    assert most_covered("easy") == 0
    assert most_covered("medium") <= 0.1 + 1e-5
    assert 0.2 < most_covered("hard") <= 0.45 + 1e-5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"level": "trivial"}, "level must be one of easy, medium, hard"),
        ({"images": 0}, "images must be at least 1"),
        ({"classes": 9}, "classes must be one of 1, 2"),
        ({"size": 10}, "size must be at least 64"),
        ({"seed": -1}, "seed must not be negative"),
    ],
    ids=str,
)
def test_what_cannot_be_drawn_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        ShapeSet(**changes)
