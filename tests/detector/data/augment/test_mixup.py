"""Mixup and the mirror."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maenas.detector.data.augment.flip import flip
from maenas.detector.data.augment.mixup import Mix, blend, overlay
from maenas.detector.data.labelled import Labelled

ROOM = 64, 64


def scene(level: int, *boxes: tuple[float, ...], size: tuple[int, int] = ROOM) -> Labelled:
    return Labelled(
        torch.full((3, *size), level, dtype=torch.uint8),
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.arange(len(boxes)),
        np.zeros(len(boxes), dtype=bool),
    )


def test_a_mirror_exchanges_left_and_right():
    given = scene(0, (10, 20, 30, 40))
    given.pixels[:, 20:40, 10:30] = 255
    mirrored = flip(given)
    assert mirrored.boxes.tolist() == [[34, 20, 54, 40]]
    assert (mirrored.pixels[:, 20:40, 34:54] == 255).all()
    np.testing.assert_array_equal(flip(mirrored).boxes, given.boxes)


def test_both_images_count_half_and_all_objects_stay():
    both = blend(scene(10, (0, 0, 9, 9)), scene(201, (1, 1, 5, 5)))
    assert (both.pixels == 106).all()  # (10 + 201) / 2 = 105.5, rounded
    assert both.boxes.tolist() == [[0, 0, 9, 9], [1, 1, 5, 5]]
    assert both.labels.tolist() == [0, 0]


def test_specks_are_dropped_afterwards():
    both = blend(scene(0, (0, 0, 2, 2)), scene(0, (0, 0, 2, 2.1), (64, 0, 64, 30)))
    assert both.boxes.tolist() == [[0, 0, 2, np.float32(2.1)]]  # more than 4 square pixels


def test_a_smaller_second_image_leaves_black_beside_it():
    wide = scene(200, (0, 0, 80, 20), size=(20, 80))
    laid = overlay(wide, (20, 80), Mix(0.5, False, (0.0, 0.0)), ROOM)
    # 80 x 20 fitted into 64 x 64 is 64 x 16 above grey; half of that
    assert laid.size == ROOM
    assert (laid.pixels[:, :8, :32] == 200).all()
    assert (laid.pixels[:, 8:32, :32] == 114).all()
    assert (laid.pixels[:, 32:] == 0).all()
    assert (laid.pixels[:, :, 32:] == 0).all()
    assert laid.boxes.tolist() == [[0, 0, 32, 8]]


def test_a_mirrored_second_image_still_starts_at_the_left():
    tall = scene(200, (0, 0, 10, 20), size=(64, 32))
    laid = overlay(tall, (64, 32), Mix(0.5, True, (0.0, 0.0)), ROOM)
    # 32 x 64 beside grey, halved: 16 x 32 of 32 x 32, mirrored to the right half of it
    assert (laid.pixels[:, :32, 16:32] == 200).all()
    assert (laid.pixels[:, :32, :16] == 114).all()
    np.testing.assert_allclose(laid.boxes, [(27, 0, 32, 10)])


@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.999, 0.999), (0.5, 0.2)], ids=str)
def test_a_larger_second_image_is_cut(corner):
    square = scene(0, (10, 10, 30, 30))
    square.pixels[:, 10:30, 10:30] = 255
    laid = overlay(square, ROOM, Mix(1.5, False, corner), ROOM)
    assert laid.size == ROOM
    x, y = (int(share * 33) for share in corner)  # of 96 pixels 64 are kept
    expected = np.clip(np.array([15, 15, 45, 45]) - (x, y, x, y), 0, 64)
    np.testing.assert_allclose(laid.boxes, [expected])
    x1, y1, x2, y2 = expected.tolist()
    if x2 - x1 > 4 and y2 - y1 > 4:
        assert (laid.pixels[:, y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] >= 250).all()


def test_the_resolution_of_the_second_image_does_not_move_its_boxes():
    half = scene(0, (5, 5, 15, 15), size=(32, 32))
    laid = overlay(half, ROOM, Mix(1.0, False, (0.0, 0.0)), ROOM)
    assert laid.boxes.tolist() == [[10, 10, 30, 30]]
