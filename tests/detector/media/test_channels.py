"""Conversion of images to the channels that a detector reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maenas.detector.channels import shown_shape
from maenas.detector.media.channels import in_channels
from maenas.detector.media.images import read_image
from maenas.detector.media.resize import fit


@pytest.mark.parametrize(
    ("rgb", "grey"),
    [
        ((255, 0, 0), 76),  # 0.299 * 255 = 76.2
        ((0, 255, 0), 150),  # 0.587 * 255 = 149.7
        ((0, 0, 255), 29),  # 0.114 * 255 = 29.1
        ((10, 200, 30), 124),  # 2.99 + 117.4 + 3.42 = 123.8
    ],
    ids=str,
)
def test_grey_is_the_luma_of_a_colour(rgb: tuple[int, int, int], grey: int) -> None:
    assert in_channels(np.array([[rgb]], dtype=np.uint8), 1).tolist() == [[[grey]]]


def test_an_image_that_is_grey_keeps_all_of_its_levels() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(in_channels(levels.repeat(3, axis=2), 1), levels)


def test_an_rgb_image_for_an_rgb_detector_is_not_copied() -> None:
    pixels = np.zeros((2, 3, 3), dtype=np.uint8)
    assert in_channels(pixels, 3) is pixels


@pytest.mark.parametrize(
    ("level", "mode", "grey"),
    [(51200, "I;16", 200), (51455, "I;16", 200), (200, "L", 200), (1, "1", 255)],
    ids=str,
)
def test_a_grey_file_of_any_depth_is_read_in_8_bits(
    level: int, mode: str, grey: int, tmp_path: Path
) -> None:
    """16 bits are divided by 256 and rounded down: 51455 / 256 = 200.996."""
    path = tmp_path / "part.png"
    Image.new(mode, (4, 2), level).save(path)
    np.testing.assert_array_equal(in_channels(read_image(path), 1), np.full((2, 4, 1), grey))


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
def test_a_grey_image_is_fitted_as_a_channel_of_it_in_rgb(resize: str) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (50, 90, 1), dtype=np.uint8)
    pixels = levels.repeat(3, axis=2)
    grey, placement = fit(pixels, (1, 64, 96), resize)
    rgb, same_placement = fit(pixels, (3, 64, 96), resize)
    assert grey.shape == (1, 64, 96)
    assert placement == same_placement
    np.testing.assert_array_equal(grey, rgb[1:2])


def test_a_shape_is_shown_with_its_colour_unless_it_is_rgb() -> None:
    shapes = [(3, 64, 320), (1, 64, 320), (4, 8, 8)]
    assert [shown_shape(shape) for shape in shapes] == ["64x320", "64x320 grey", "8x8 4 channels"]
