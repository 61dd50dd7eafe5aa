"""Random affine maps: the reference's numbers, and images and boxes that stay together."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.random import default_rng

from maenas.detector.data.augment.affine import (
    Motion,
    add_moved,
    draw_motion,
    is_worth_keeping,
    matrix_of,
    moved_boxes,
)
from maenas.detector.data.augment.outlines import visible_box, within

GOLDEN = json.loads((Path(__file__).parents[3] / "data" / "aug_golden.json").read_text())
ROOM = 640, 640


def golden_motion() -> Motion:
    angle, scale, shear_x, shear_y, x, y = GOLDEN["affine"]["values"]
    return Motion(angle, scale, (shear_x, shear_y), (x, y))


def test_the_matrix_is_the_reference_s():
    ours = matrix_of(golden_motion(), (1280, 1280), ROOM)
    np.testing.assert_allclose(ours, GOLDEN["affine"]["M"], atol=1e-6)


def test_boxes_go_where_the_reference_s_go_and_as_many_are_kept():
    given = np.array(GOLDEN["affine_boxes"]["inp"], dtype=np.float32)
    matrix = matrix_of(golden_motion(), (1280, 1280), ROOM)
    moved = moved_boxes(given[:, :4], (), matrix, ROOM)
    kept = is_worth_keeping(given[:, :4] * golden_motion().scale, moved)
    ours = np.column_stack((moved, given[:, 4]))[kept]
    np.testing.assert_allclose(ours, GOLDEN["affine_boxes"]["out"], atol=1e-3)


def test_an_outline_goes_where_the_reference_s_goes():
    outline = np.array(GOLDEN["affine_segment"]["segment"], dtype=np.float32)
    box = np.array([[600, 500, 800, 760]], dtype=np.float32)
    matrix = matrix_of(golden_motion(), (1280, 1280), ROOM)
    moved = moved_boxes(box, ((outline,),), matrix, ROOM)
    np.testing.assert_allclose(moved[0], GOLDEN["affine_segment"]["out"][0][:4], atol=1e-3)


def test_boxes_too_thin_too_small_or_cut_too_much_are_dropped():
    before = np.array([(0, 0, 100, 100)] * 5, dtype=np.float32)
    after = np.array(
        [
            (0, 0, 50, 50),  # a quarter is left: kept
            (0, 0, 2, 100),  # no more than 2 pixels wide
            (0, 0, 100, 10),  # a tenth, which is not more than a tenth
            (0, 0, 30, 34),  # a tenth and a bit: kept
            (0, 0, 5, 100),  # 20 times as high as wide
        ],
        dtype=np.float32,
    )
    assert is_worth_keeping(before, after).tolist() == [True, False, False, True, False]


@pytest.mark.parametrize("seed", range(6))
def test_a_moved_image_is_that_of_plain_loops(seed):
    rng = default_rng(seed)
    pixels = torch.from_numpy(rng.integers(0, 256, (3, 13, 17), dtype=np.uint8))
    matrix = matrix_of(draw_motion(rng, 30, (0.5, 2.0), 10, 0.3), (13, 17), (11, 19))
    ours = torch.zeros(3, 11, 19)
    add_moved(ours, pixels, matrix)
    np.testing.assert_allclose(ours, plainly(pixels.numpy(), matrix, 11, 19), atol=2e-3)


def plainly(pixels: np.ndarray, matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    """Differences from 114, each point between the four pixels around where it comes from."""
    moved, back = np.zeros((3, height, width)), np.linalg.inv(matrix)
    for row in range(height):
        for column in range(width):
            x, y, _ = back @ (column + 0.5, row + 0.5, 1) - 0.5
            for i in (math.floor(y), math.floor(y) + 1):
                for j in (math.floor(x), math.floor(x) + 1):
                    if 0 <= i < pixels.shape[1] and 0 <= j < pixels.shape[2]:
                        share = (1 - abs(y - i)) * (1 - abs(x - j))
                        moved[:, row, column] += share * (pixels[:, i, j].astype(float) - 114)
    return moved


@pytest.mark.parametrize("seed", range(8))
def test_a_box_stays_around_what_it_holds(seed):
    """A white patch is moved; its outline's box is found again in the pixels."""
    rng = default_rng(seed)
    pixels = torch.full((3, 128, 128), 114, dtype=torch.uint8)
    pixels[:, 40:90, 30:100] = 255
    patch = np.array([(30, 40), (100, 40), (100, 90), (30, 90)], dtype=np.float32)
    matrix = matrix_of(draw_motion(rng, 10, (0.5, 1.5), 2, 0.2), (128, 128), (128, 128))
    moved = torch.zeros(3, 128, 128)
    add_moved(moved, pixels, matrix)
    rows, columns = np.nonzero(moved[0].numpy() > 70)  # more than half white
    seen = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    box = np.array([(30, 40, 100, 90)], dtype=np.float32)
    ours = moved_boxes(box, ((patch,),), matrix, (128, 128))[0]
    np.testing.assert_allclose(ours, seen, atol=1.5)


def test_an_outline_is_cut_at_the_image_s_edges():
    triangle = np.array([(-10, 10), (30, 10), (30, 50)], dtype=np.float32)
    # it enters over the left edge at y = 20 and leaves over the lower one
    np.testing.assert_allclose(visible_box((triangle,), (40, 100)), (0, 10, 30, 40))


def test_an_object_around_the_whole_image_fills_it():
    around = np.array([(-9, -9), (99, -9), (99, 99), (-9, 99)], dtype=np.float32)
    np.testing.assert_allclose(visible_box((around,), (40, 50)), (0, 0, 50, 40), atol=1e-4)


def test_of_an_outline_beyond_the_image_nothing_is_left():
    beyond = np.array([(60, 5), (70, 5), (70, 15)], dtype=np.float32)
    assert len(within(beyond, 40, 50)) == 0
    assert visible_box((beyond,), (40, 50)).tolist() == [0, 0, 0, 0]


def test_parts_of_one_object_share_a_box():
    parts = tuple(np.array([(x, 5), (x + 4, 5), (x + 4, 9)], dtype=np.float32) for x in (3, 30))
    assert visible_box(parts, (40, 50)).tolist() == [3, 5, 34, 9]
