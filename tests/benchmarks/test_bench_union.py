"""The data sets of `bench_union` are honest: each source labels half of the classes."""

from __future__ import annotations

import pytest
from PIL import Image

from benchmarks.bench_union import summary
from benchmarks.partial.views import Halves, cut_in_halves
from maenas.detector.data import Dataset, read_dataset

COUNTS = ((2, 3), (0, 2), (1, 1))  # cats, dogs, birds in each image


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Halves:
    """Six images in each split with three objects of cat, two of dog and one of bird."""
    folder = tmp_path_factory.mktemp("all")
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (32, 32)).save(folder / "images" / split / f"{number}.png")
            objects = [
                (label, n) for label, count in ((2, 3), (0, 2), (1, 1)) for n in range(count)
            ]
            rows = [f"{label} .{3 + n} .5 .{label + 2} .3" for label, n in objects]
            (folder / "labels" / split / f"{number}.txt").write_text("\n".join(rows))
    paths = "train: images/train\nval: images/val\n"
    (folder / "data.yaml").write_text(f"{paths}names: [dog, bird, cat]\n")
    return cut_in_halves(folder / "data.yaml", tmp_path_factory.mktemp("cut"))


def counts(dataset: Dataset) -> dict[str, int]:
    return dict(zip(dataset.names, dataset.counts().tolist(), strict=True))


def test_the_full_data_set_has_all_labels(halves: Halves) -> None:
    for split in ("train", "val"):
        assert counts(read_dataset(halves.full, split)) == {"cat": 18, "dog": 12, "bird": 6}


def test_each_source_labels_every_second_class_in_every_second_image(halves: Halves) -> None:
    first, second = (read_dataset(path, "train") for path in halves.alone)
    assert (len(first), len(second)) == (3, 3)
    assert counts(first) == {"cat": 9, "dog": 0, "bird": 3}
    assert counts(second) == {"cat": 0, "dog": 6, "bird": 0}


def test_the_union_and_the_naive_union_have_the_same_labels_and_differ_in_the_mask(
    halves: Halves,
) -> None:
    union, naive = read_dataset(halves.union, "train"), read_dataset(halves.naive, "train")
    assert counts(union) == counts(naive) == {"cat": 9, "dog": 6, "bird": 3}
    assert {path.name for path in union.columns.paths()} == {
        path.name for path in naive.columns.paths()
    }
    masks = [union.annotated(index).tolist() for index in range(len(union))]
    assert masks == [[True, False, True]] * 3 + [[False, True, False]] * 3
    assert naive.annotated(0) is None


def test_a_line_has_mean_and_spread_over_the_seeds() -> None:
    row = {"study": "halves", "judged_on": "new images", "trained_on": "union", "minutes": 5.0}
    rows = [row | {"ap": ap, "ap50": 20.0} for ap in (1.0, 3.0)]
    (line,) = summary(rows)
    assert line == ("halves: new images: union: AP 2.00 +- 1.41, AP50 20.00 (2 seeds, 5.0 minutes)")
