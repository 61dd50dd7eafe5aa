"""Images at the size of the input, and boxes back."""

from __future__ import annotations

import random

import numpy as np
import pytest

from maenas.blocks import SpecError
from maenas.detector.media.resize import FILL, RESIZES, Placement, fit, placement_of
from tests.golden import hashed


@pytest.mark.parametrize("resize", RESIZES)
def test_boxes_come_back_where_they_were(resize: str) -> None:
    rng = random.Random(0)
    for _ in range(500):
        image = rng.randint(1, 3000), rng.randint(1, 3000)
        room = 32 * rng.randint(1, 40), 32 * rng.randint(1, 40)
        placement = placement_of(image, room, resize)
        x1, x2 = sorted((rng.uniform(0, image[1]), rng.uniform(0, image[1])))
        y1, y2 = sorted((rng.uniform(0, image[0]), rng.uniform(0, image[0])))
        boxes = np.array([[x1, y1, x2, y2], [0, 0, image[1], image[0]]], dtype=np.float32)
        back = placement.to_image(placement.to_input(boxes))
        np.testing.assert_allclose(back, boxes, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize(
    ("image", "room", "placed"),
    [
        ((720, 1280), (640, 640), (360, 640)),
        ((1280, 720), (640, 640), (640, 360)),
        ((300, 400), (640, 640), (480, 640)),  # small images grow
        ((333, 500), (320, 448), (298, 448)),  # 333 * 448 / 500 = 298.4
        ((2, 5000), (640, 640), (1, 640)),  # 0.256 rows: never less than one
        ((640, 640), (640, 640), (640, 640)),
    ],
)
def test_letterboxed_images_keep_their_proportions(
    image: tuple[int, int], room: tuple[int, int], placed: tuple[int, int]
) -> None:
    assert placement_of(image, room, "letterbox") == Placement(image, placed)
    assert placement_of(image, room, "stretch") == Placement(image, room)


def test_what_an_image_leaves_free_is_grey() -> None:
    pixels = np.full((50, 100, 3), (10, 20, 30), dtype=np.uint8)
    planes, placement = fit(pixels, (3, 64, 64), "letterbox")
    assert planes.shape == (3, 64, 64)
    assert planes.dtype == np.float32
    assert placement.placed == (32, 64)
    for plane, level in zip(planes, (10, 20, 30), strict=True):  # RGB stays RGB
        assert (plane[:32] == level).all()
        assert (plane[32:] == FILL).all()


def test_an_image_that_fits_is_left_as_it_is() -> None:
    pixels = noise(64, 96)
    for resize in RESIZES:
        planes, _ = fit(pixels, (3, 64, 96), resize)
        np.testing.assert_array_equal(planes, pixels.transpose(2, 0, 1))


def test_images_are_resized_as_the_reference_resizes_them() -> None:
    """To a level: the reference (OpenCV, bilinear) rounds its weights, and halves down."""
    pixels = np.floor((hashed(12100, 90 * 120 * 3) + 1) / 2 * 256).astype(np.uint8)
    planes, _ = fit(pixels.reshape(90, 120, 3), (3, 64, 64), "stretch")
    first, last = [166, 162, 96, 108, 77, 64, 217, 183], [165, 173, 59, 172]
    np.testing.assert_allclose(planes[0, 0, :8], first, atol=1)
    np.testing.assert_allclose(planes[2, -1, -4:], last, atol=1)
    assert planes.mean() == pytest.approx(127.0185, abs=0.2)


@pytest.mark.parametrize("size", [(31, 47), (200, 100), (64, 64)], ids=str)
def test_resizing_is_bilinear_to_a_level(size: tuple[int, int]) -> None:
    pixels = noise(*size)
    planes, _ = fit(pixels, (3, 64, 96), "stretch")
    np.testing.assert_allclose(planes, slow_bilinear(pixels, 64, 96), atol=1.0, rtol=0)


def test_views_and_constants_of_images_can_be_resized() -> None:
    pixels = noise(40, 60)
    frozen = pixels.copy()
    frozen.setflags(write=False)
    expected, _ = fit(pixels, (3, 32, 32), "stretch")
    np.testing.assert_array_equal(fit(frozen, (3, 32, 32), "stretch")[0], expected)
    flipped, _ = fit(pixels[:, :, ::-1], (3, 32, 32), "stretch")  # BGR, as OpenCV users turn it
    np.testing.assert_array_equal(flipped, expected[::-1])


def test_boxes_are_clipped_to_the_image() -> None:
    placement = placement_of((100, 200), (64, 64), "letterbox")
    boxes = np.array([[-5, -9, 80, 50]], dtype=np.float32)
    assert placement.to_image(boxes).tolist() == [[0, 0, 200, 100]]


def test_another_way_to_resize_is_refused() -> None:
    with pytest.raises(SpecError, match="resize must be one of letterbox, stretch, got crop"):
        placement_of((10, 10), (32, 32), "crop")


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def slow_bilinear(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The definition: pixel centres at halves, the mean of four neighbours by distance."""
    rows, columns = pixels.shape[:2]
    out = np.empty((3, height, width))
    for i in range(height):
        y = min(max((i + 0.5) * rows / height - 0.5, 0), rows - 1)
        top, below = int(y), min(int(y) + 1, rows - 1)
        for j in range(width):
            x = min(max((j + 0.5) * columns / width - 0.5, 0), columns - 1)
            left, right = int(x), min(int(x) + 1, columns - 1)
            upper = pixels[top, left] * (1 - x + left) + pixels[top, right] * (x - left)
            lower = pixels[below, left] * (1 - x + left) + pixels[below, right] * (x - left)
            out[:, i, j] = upper * (1 - y + top) + lower * (y - top)
    return out
