"""SADA: every operation against the reference's numbers, then the draws."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.random import default_rng
from torch import Tensor

from maenas.detector.data.augment.gaussian import crop_window, limits_of, spread_of, window
from maenas.detector.data.augment.sada import (
    COLOUR_CHANCES,
    GEOMETRIC_CHANCES,
    POLICY,
    PolicyOp,
    draw_boxes,
    merged,
    recolour,
    reshape,
    sada,
)
from maenas.detector.data.augment.sada_colour import COLOUR_OPS
from maenas.detector.data.augment.sada_geometry import MOVES, changed, laid_over, places_of_copy
from maenas.detector.data.labelled import Labelled
from tests.golden import hashed

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "data" / "aug_golden.json").read_text()
)  # make_aug_golden.py writes it
SIZE = 48, 64
BOXES = np.array([(5, 6, 25, 20), (30, 10, 60, 44)], dtype=np.float32)
OURS = {  # what the reference calls them
    "AutoContrast": "auto_contrast",
    "Equalize": "equalize",
    "SolarizeAdd": "solarize_add",
    "Color": "colour",
    "Contrast": "contrast",
    "Brightness": "brightness",
    "Sharpness": "sharpness",
    "translateX": "translate_x",
    "translateY": "translate_y",
    "shearX": "shear_x",
    "shearY": "shear_y",
    "rotate": "rotate",
    "hflip": "hflip",
}


def image() -> Tensor:
    noise = (hashed(12000, 3 * 48 * 64) + 1) / 2 * 0.8
    values = noise + 0.1 * np.linspace(0, 1, 3 * 48 * 64)
    return torch.from_numpy(values.astype(np.float32)).reshape(3, *SIZE)


def scene(pixels: Tensor | None = None) -> Labelled:
    levels = ((image() if pixels is None else pixels) * 255).round().to(torch.uint8)
    return Labelled(levels, BOXES, np.array([1, 2]), np.zeros(2, dtype=bool))


def assert_golden(pixels: Tensor, golden: Mapping[str, Any], within: float = 1e-6) -> None:
    values = pixels.reshape(-1)
    np.testing.assert_allclose(values[GOLDEN["idx"]], golden["val"], atol=within)
    assert float(values.double().mean()) == pytest.approx(golden["mean"], abs=within)
    assert float(values.min()) == pytest.approx(golden["min"], abs=within)
    assert float(values.max()) == pytest.approx(golden["max"], abs=within)


@pytest.mark.parametrize("name", GOLDEN["color"])
def test_a_colour_operation_is_the_reference_s(name):
    operation, _, level = name.partition("_")
    ours = COLOUR_OPS[OURS[operation]](image(), int(level or 0))
    assert_golden(ours, GOLDEN["color"][name])


@pytest.mark.parametrize("name", GOLDEN["geo"])
def test_a_geometric_operation_is_the_reference_s(name):
    operation, level, sign = name.split("_")
    signed = int(level) * (1 if sign == "pos" else -1)
    pixels = image()
    for x1, y1, x2, y2 in BOXES.astype(int).tolist():
        crop = pixels[:, y1:y2, x1:x2]
        if OURS[operation] not in MOVES:
            crop.copy_(changed(crop.clone(), OURS[operation], signed))
            continue
        source, target = places_of_copy((x1, y1, x2, y2), OURS[operation], signed, SIZE)
        copied, under = (pixels[:, t:b, left:r] for left, t, r, b in (source, target))
        if copied.numel():
            under.copy_(laid_over(copied.clone(), under))
    assert_golden(pixels, GOLDEN["geo"][name]["out"])


@pytest.mark.parametrize("name", GOLDEN["geo"])
def test_shapes_in_eight_bits_are_those_in_floats(name):
    """Within a level of rounding before and one after; more where a crop is cut to 8 bits."""
    operation, level, sign = name.split("_")
    signs = np.full(2, 1 if sign == "pos" else -1)
    step = PolicyOp(OURS[operation], 1.0, int(level))
    ours = reshape(scene(), np.arange(2), signs, step)
    golden = GOLDEN["geo"][name]
    values = ours.pixels.reshape(-1)[GOLDEN["idx"]] / 255
    np.testing.assert_allclose(values, golden["out"]["val"], atol=2.5 / 255)
    if OURS[operation] not in MOVES:
        np.testing.assert_array_equal(ours.boxes, golden["boxes"])
        np.testing.assert_array_equal(ours.labels, golden["labels"])


def test_a_copy_is_labelled_where_it_is():
    """The reference labels [44, 6, 64, 20] and [34, 10, 64, 44], but copies only the first."""
    moved = reshape(scene(), np.arange(2), np.ones(2, dtype=int), PolicyOp("translate_x", 1.0, 4))
    # 48 pixels to the right: the first from 53 to the edge at 64, the second beyond it
    np.testing.assert_array_equal(moved.boxes, [*BOXES.tolist(), (53, 6, 64, 20)])
    assert moved.labels.tolist() == [1, 2, 1]
    changed_columns = (moved.pixels != scene().pixels).any(0).any(0).nonzero()
    assert changed_columns.min() >= 53


def test_windows_are_the_reference_s():
    golden = GOLDEN["gauss"]
    assert limits_of(SIZE) == pytest.approx(golden["splits"])
    ours = window(BOXES, SIZE)
    np.testing.assert_allclose(ours[::8, ::8], golden["out"]["grid"], atol=1e-6)
    assert float(ours.max()) == pytest.approx(golden["out"]["max"], abs=1e-6)
    assert float(ours.mean()) == pytest.approx(golden["out"]["mean"], abs=1e-6)
    crop = crop_window(torch.zeros(3, *SIZE))
    np.testing.assert_allclose(crop[::8, ::8], GOLDEN["gauss_crop"]["grid"], atol=1e-6)
    assert float(crop.mean()) == pytest.approx(GOLDEN["gauss_crop"]["mean"], abs=1e-6)


def test_windows_reach_far_around_small_boxes_and_stay_within_large_ones():
    limits = 100.0, 500.0, 1000.0
    assert spread_of(50, limits) == 12  # 6 x 100 / 50
    assert spread_of(200, limits) == 3  # (100 + 500) / 200
    assert spread_of(800, limits) == 0.5  # 0.4 x 1000 / 800
    assert spread_of(5000, limits) == 0.4


def test_colours_show_through_the_windows_as_in_the_reference():
    step = PolicyOp("auto_contrast", 1.0, 0)
    assert_golden(merged(image(), BOXES, step), GOLDEN["merge_autocontrast"])
    eight = recolour(scene(), np.arange(2), step).pixels.reshape(-1)[GOLDEN["idx"]] / 255
    np.testing.assert_allclose(eight, GOLDEN["merge_autocontrast"]["val"], atol=1.5 / 255)


def test_the_policy_and_the_chances_are_the_reference_s():
    theirs = tuple(
        tuple(PolicyOp(OURS[n], p, k) for n, p, k in pair) for pair in GOLDEN["policies"]
    )
    assert theirs == POLICY
    mixed = [c for pair in zip(COLOUR_CHANCES, GEOMETRIC_CHANCES, strict=True) for c in pair]
    assert mixed == pytest.approx(GOLDEN["sample_prob"])


def test_boxes_are_chosen_as_often_as_their_size_says():
    # limits at a short side of 800 are 2048 and 10240 square pixels
    sides = np.array([40.0, 80.0, 120.0] * 2000)
    boxes = np.column_stack((np.zeros((6000, 2)), sides, sides)).astype(np.float32)
    whole = torch.zeros((3, 800, 800), dtype=torch.uint8)
    many = Labelled(whole, boxes, np.zeros(6000, dtype=np.int64), np.zeros(6000, dtype=bool))
    chosen = draw_boxes(many, COLOUR_CHANCES, default_rng(0))
    shares = np.bincount(chosen % 3, minlength=3) / 2000
    np.testing.assert_allclose(shares, COLOUR_CHANCES, atol=0.025)  # 3 sigma of 2000 draws
    crowds = replace(many, crowd=np.ones(6000, dtype=bool))
    assert len(draw_boxes(crowds, COLOUR_CHANCES, default_rng(0))) == 0


def test_nothing_happens_before_training_began():
    for seed in range(50):
        assert sada(scene(), default_rng(seed), 0.0).pixels.equal(scene().pixels)


def test_images_change_more_often_as_training_goes_on():
    def changes(progress: float) -> int:
        made = (sada(scene(), default_rng(seed), progress) for seed in range(120))
        return sum(not each.pixels.equal(scene().pixels) for each in made)

    assert 0 < changes(0.3) < changes(1.0)


def test_what_goes_in_stays_as_it_was():
    before = scene()
    for seed in range(100):
        sada(before, default_rng(seed), 1.0)
    assert before.pixels.equal(scene().pixels)
    np.testing.assert_array_equal(before.boxes, BOXES)
