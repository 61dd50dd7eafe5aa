"""Images that are damaged, or of another size than their annotations say, are not written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from maenas.detector.data.check import check
from maenas.detector.data.dataset import DataError, Dataset, Source
from maenas.detector.data.samples import Samples
from maenas.detector.data.writers.usable_images import with_usable_images
from tests.detector.data.writers.test_write import TRIANGLE, sample

BOX = (0, 1, 2, 13, 14, False)


@pytest.fixture
def dataset(tmp_path):
    """Three images: with a box, with two boxes and an outline, and with a box of another class."""
    second = sample(tmp_path / "b.png", BOX, (1, 2, 2, 9, 9, False), number=8)
    columns = Samples.of(
        [
            sample(tmp_path / "a.png", BOX, number=7),
            replace(second, outlines=((), (TRIANGLE,))),
            sample(tmp_path / "c.png", (2, 4, 4, 8, 8, True), number=9),
        ]
    )
    sources = (Source("one", np.ones(3, bool)), Source("two", np.zeros(3, bool)))
    columns = replace(
        columns,
        source_of=np.array([0, 1, 1], np.int16),
        verified_ends=np.array([0, 1, 1, 3]),
        verified=np.array([2, 0, 1], np.int32),
    )
    return Dataset(tmp_path, columns, ("x", "y", "z"), (0, 1, 2), (), sources)


def test_a_data_set_of_usable_images_stays_as_it_is(dataset):
    assert with_usable_images(dataset, "train") is dataset


@pytest.mark.parametrize(("name", "left"), [("a.png", [1, 2]), ("b.png", [0, 2])])
def test_an_image_of_another_size_is_left_out_with_the_problem_of_a_check(dataset, name, left):
    Image.new("RGB", (30, 20)).save(dataset.source / name)
    made = with_usable_images(dataset, "train")
    (problem,) = made.problems
    assert problem in check(dataset.source, {"train": dataset}, (64, 64))
    assert problem.what == "is 30x20 when upright, its labels are for 60x40"
    assert problem.skips
    assert [one.image_id for one in made.samples] == [7 + index for index in left]
    for one, index in zip(made.samples, left, strict=True):
        other = dataset.samples[index]
        assert one.path == other.path
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.labels, other.labels)
        assert len(one.outlines) == len(other.outlines)
    for place, index in enumerate(left):
        assert made.annotated(place).tolist() == dataset.annotated(index).tolist()


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_an_image_that_was_cut_short_is_left_out_with_the_problem_of_a_check(tmp_path, suffix):
    samples = [sample(tmp_path / f"{stem}.{suffix}", BOX) for stem in "ab"]
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(samples[0].path)
    content = samples[0].path.read_bytes()
    samples[0].path.write_bytes(content[: len(content) // 2])
    dataset = Dataset(tmp_path, samples, ("x",), (0,))
    counted: list[int] = []
    made = with_usable_images(dataset, "train", lambda: counted.append(1))
    assert len(counted) == 2
    assert [one.path for one in made.samples] == [samples[1].path]
    (problem,) = made.problems
    assert problem in check(dataset.source, {"train": dataset}, (64, 64))
    assert problem.where == str(samples[0].path)
    assert problem.skips


def test_a_data_set_of_which_no_image_is_left_is_refused(dataset):
    for name in "abc":
        Image.new("RGB", (30, 20)).save(dataset.source / f"{name}.png")
    with pytest.raises(DataError, match=r"train: holds no image that can be used, such as .*30x20"):
        with_usable_images(dataset, "train")
