"""Weights for images of another number of channels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from maenas.blocks import ConvStem, SpecError
from maenas.detector.checkpoints.checkpoint import build_network
from maenas.detector.checkpoints.inherit import inherit
from maenas.detector.checkpoints.input_channels import with_channels
from maenas.detector.model.spec import DetectorSpec
from tests.lively import lively, reading, small_spec

STEMS = {"focus": small_spec(), "convolution": small_spec(act="silu")}


@pytest.mark.parametrize(("there", "here"), [(3, 1), (1, 3)], ids=["to grey", "to RGB"])
@pytest.mark.parametrize("stem", STEMS)
def test_a_grey_image_gives_the_same_outputs(stem: str, there: int, here: int) -> None:
    source = reading(STEMS[stem], there)
    weights = lively(source).state_dict()
    found = inherit(reading(source, here), source, weights, seed=0)
    levels = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(0)) * 255
    expected = build_network(source, weights).eval().predict(levels.expand(-1, there, -1, -1))
    network = build_network(found.spec, dict(found.weights)).eval()
    for ours, theirs in zip(
        network.predict(levels.expand(-1, here, -1, -1)), expected, strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)
    assert found.is_exact
    origins = {each.name: each.origin for each in found.tensors if each.origin != "copied"}
    assert origins == {first_layer(source): "summed" if here == 1 else "repeated"}


def test_a_first_layer_that_is_cut_as_well_is_not_called_summed() -> None:
    source = reading(STEMS["convolution"], 3)
    first, *others = source.backbone.stages
    assert isinstance(first, ConvStem)
    narrow = (replace(first, out_channels=first.out_channels // 2), *others)
    grey = reading(replace(source, backbone=replace(source.backbone, stages=narrow)), 1)
    found = inherit(grey, source, lively(source).state_dict(), seed=0)
    origins = {each.name: each.origin for each in found.tensors}
    assert origins[first_layer(source)] == "cut"
    assert not found.is_exact


def first_layer(spec: DetectorSpec) -> str:
    """Name of the weight that reads the image."""
    return next(name for name in spec.build().state_dict() if name.endswith("conv.weight"))


def test_the_weights_of_a_pixel_are_summed_over_its_colours_or_divided_among_them() -> None:
    spec = STEMS["focus"]
    weights = spec.build().state_dict()
    name = first_layer(spec)
    value = weights[name]  # (out, 4 pixels * 3 colours, 3, 3)
    _, grey = with_channels(spec, weights, 1)
    sums = [value[:, 3 * pixel : 3 * pixel + 3].sum(1) for pixel in range(4)]
    torch.testing.assert_close(grey[name], torch.stack(sums, 1))
    _, rgb = with_channels(reading(spec, 1), grey, 3)
    torch.testing.assert_close(rgb[name], grey[name].repeat_interleave(3, 1) / 3)


def test_weights_of_another_detector_are_still_refused_by_name() -> None:
    spec = STEMS["focus"]
    weights = replace(spec, head=replace(spec.head, reg_max=3)).build().state_dict()
    with pytest.raises(SpecError, match=r"there: head\.distances\.\S+ is .*, the detector has"):
        inherit(reading(spec, 1), spec, weights, 0, "there")
