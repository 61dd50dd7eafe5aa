"""Mosaics: tiles where the reference puts them, and one image where they meet."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.random import default_rng

from maenas.detector.data.augment.affine import Motion, draw_motion, matrix_of
from maenas.detector.data.augment.mosaic import Paste, Tile, draw_centre, is_seen, mosaic, paste_of
from maenas.detector.data.labelled import Labelled, Outline

GOLDEN = json.loads((Path(__file__).parents[3] / "data" / "aug_golden.json").read_text())
STILL = Motion(0.0, 1.0, (0.0, 0.0), (0.5, 0.5))  # shows the mosaic's middle as it is


@pytest.mark.parametrize("case", GOLDEN["mosaic"], ids=lambda case: case["args"]["idx"])
def test_a_tile_goes_where_the_reference_puts_it(case):
    args = case["args"]
    paste = paste_of(
        args["idx"], (args["xc"], args["yc"]), (args["h"], args["w"]), (args["in_h"], args["in_w"])
    )
    assert paste == Paste(tuple(case["small"]), tuple(case["large"]))


def scene_of(size: tuple[int, int], level: int, *boxes: tuple[int, ...]) -> Labelled:
    return Labelled(
        torch.full((3, *size), level, dtype=torch.uint8),
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.full(len(boxes), level),
        np.zeros(len(boxes), dtype=bool),
    )


def tiles_of(centre: tuple[int, int], scenes: list[Labelled], room: tuple[int, int]) -> list[Tile]:
    return [
        Tile(scene, room, paste_of(corner, centre, room, room))
        for corner, scene in enumerate(scenes)
    ]


def test_an_unmoved_mosaic_shows_its_middle():
    levels = (10, 60, 160, 250)
    made = mosaic(
        tiles_of((70, 50), [scene_of((64, 64), level) for level in levels], (64, 64)),
        STILL,
        (64, 64),
    )
    # the middle of 128 x 128 begins at 32: the four meet at x = 70 - 32, y = 50 - 32
    expected = np.zeros((64, 64))
    for level, rows, columns in zip(
        levels,
        (slice(0, 18), slice(0, 18), slice(18, 64), slice(18, 64)),
        (slice(0, 38), slice(38, 64), slice(0, 38), slice(38, 64)),
        strict=True,
    ):
        expected[rows, columns] = level
    assert made.pixels.dtype == torch.uint8
    np.testing.assert_array_equal(made.pixels[0], expected)


def test_boxes_are_cut_at_the_tile_s_edge_and_moved_with_it():
    top_left = scene_of((64, 64), 10, (40, 40, 64, 64), (0, 0, 10, 10))
    made = mosaic(
        tiles_of((70, 50), [top_left, *(scene_of((64, 64), 0) for _ in range(3))], (64, 64)),
        STILL,
        (64, 64),
    )
    # the tile's right lower corner is at (38, 18) of what is shown
    np.testing.assert_allclose(made.boxes, [(14, 0, 38, 18)])


def test_tiles_meet_without_a_seam():
    """Four parts of one grey ramp show no edge where they meet, whatever the motion."""
    room = 64, 64
    white = [scene_of(room, 200) for _ in range(4)]
    for seed in range(10):
        motion = draw_motion(default_rng(seed), 10, (0.6, 1.6), 2, 0.0)
        made = mosaic(tiles_of((64, 64), white, room), motion, room).pixels[0].numpy()
        inside = made[20:44, 20:44]
        assert np.abs(inside.astype(int) - 200).max() <= 1


@pytest.mark.parametrize("resolution", [(64, 64), (32, 48), (100, 90)], ids=str)
def test_a_tile_shows_the_same_at_any_resolution(resolution):
    room = 64, 64
    ramp = torch.linspace(0, 255, resolution[1]).to(torch.uint8).expand(3, *resolution)
    factors = np.array([resolution[1] / 64, resolution[0] / 64] * 2, dtype=np.float32)
    box = np.array([(8, 16, 40, 48)], dtype=np.float32) * factors
    scene = Labelled(ramp, box, np.array([1]), np.array([False]))
    tile = Tile(scene, room, paste_of(3, (40, 40), room, room))
    made = mosaic([tile], STILL, room)
    # it starts at 40 - 32 = 8
    np.testing.assert_allclose(made.boxes, [(16, 24, 48, 56)], atol=1e-4)
    column = (made.pixels[0, 40, 20].item(), 255 * (20.5 - 8) / 64)
    assert abs(column[0] - column[1]) < 5


def test_outlines_of_one_object_do_not_become_another_s():
    """The first object is cut away; the second keeps its own outline."""
    triangle: Outline = (np.array([(48, 20), (62, 20), (62, 40)], dtype=np.float32),)
    corner: Outline = (np.array([(0, 0), (9, 0), (9, 9)], dtype=np.float32),)
    scene = scene_of((64, 64), 10, (0, 0, 9, 9), (48, 20, 62, 40))
    labelled = Labelled(
        scene.pixels, scene.boxes, np.array([0, 1]), scene.crowd, (corner, triangle)
    )
    tile = Tile(labelled, (64, 64), paste_of(0, (50, 90), (64, 64), (64, 64)))
    turned = Motion(10.0, 1.0, (0.0, 0.0), (0.5, 0.5))
    made = mosaic([tile], turned, (64, 64))
    assert made.labels.tolist() == [1]
    square = mosaic([Tile(scene, (64, 64), tile.paste)], turned, (64, 64))
    areas = [np.prod(each.boxes[0, 2:] - each.boxes[0, :2]) for each in (made, square)]
    assert areas[0] < areas[1]  # around three corners, not four


@pytest.mark.parametrize("seed", range(40))
def test_a_tile_is_left_unread_only_if_nothing_of_it_shows(seed):
    rng, room = default_rng(seed), (64, 64)
    centre = draw_centre(rng, room)
    motion = draw_motion(rng, 10, (0.1, 2.0), 2, 0.2)
    matrix = matrix_of(motion, (128, 128), room)
    for corner in range(4):
        paste = paste_of(corner, centre, room, room)
        shown = mosaic([Tile(scene_of(room, 255), room, paste)], motion, room).pixels
        if not is_seen(paste.target, matrix, room):
            assert (shown == 114).all()
        elif (shown == 114).all():  # at most a sliver between the centres of pixels
            grown = tuple(np.add(paste.target, (3, 3, -3, -3)).tolist())
            assert not is_seen(grown, matrix, room)


def test_centres_lie_in_the_middle_half():
    centres = np.array([draw_centre(default_rng(seed), (64, 128)) for seed in range(300)])
    assert (centres.min(0) >= (64, 32)).all()
    assert (centres.max(0) < (192, 96)).all()
    assert all(a != b for a, b in pairwise(map(tuple, centres[:10].tolist())))
