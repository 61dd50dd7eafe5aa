"""What every detector promises: its operators are what its deployed network runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any, cast

import pytest
import torch
from torch import nn

from maenas.blocks import Backbone, ConvStem, ResK1KX
from maenas.blocks.layers.deploy import deploy
from maenas.blocks.layers.rep_conv import RepConv
from maenas.detector import RepGFPN, ZeroHead
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec
from maenas.testing.recorder import Call, Recorder, calls, trained
from tests.golden import MODELS, spec_of

SHAPE = (3, 64, 96)  # maps of 8 x 12, 4 x 6 and 2 x 3
SCALES = 3  # one learnt number a level multiplies the box logits; folded when deployed
# What decodes once the chances of the bins are known: places of the anchors and corners of boxes,
# a few numbers a position. It is part of the price of "decode".
SMALL = {"arange", "full", "stack", "cat", "mul", "add", "sub", "slice"}
VIEWS = {"view", "_unsafe_view", "expand", "permute", "transpose"}


def small(neck: dict[str, Any] | None = None, head: dict[str, Any] | None = None) -> DetectorSpec:
    """A detector small enough to run often."""
    widths = (8, 16, 24, 40)
    stages = [ResK1KX(out_channels=w, bottleneck_channels=8, stride=2) for w in widths]
    backbone = Backbone((ConvStem(out_channels=8), *stages), (2, 3, 4), SHAPE)
    return DetectorSpec(
        backbone,
        RepGFPN(**{"out_channels": (12, 18, 26), "depth": 2, **(neck or {})}),
        ZeroHead(**{"num_classes": 5, **(head or {})}),
    )


def published(model: str) -> DetectorSpec:
    """A detector of the family on a small image."""
    spec = spec_of(model)
    return replace(spec, backbone=replace(spec.backbone, in_shape=SHAPE))


PUBLISHED = {model: published(model) for model in MODELS}
VARIANTS = {
    f"{fusion}, {' and '.join(ways) or 'neither way'}": small(
        {
            "fusion": fusion,
            "extra_downsampling": "down" in ways,
            "extra_upsampling": "up" in ways,
        }
    )
    for fusion, ways in product(RepGFPN.fusions, ([], ["down"], ["up"], ["down", "up"]))
} | {
    "no blocks": small({"depth": 0}),
    "no blocks, both ways": small({"depth": 0, "extra_upsampling": True}),
    "one block": small({"depth": 1}),
    "hidden ratio": small({"hidden_ratio": 0.7}),
    "hidden channels": small({"hidden_channels": (5, 6, 7)}),
    "silu": small({"act": "silu"}),
    "depthwise": small({"depthwise": True, "act": "silu"}),
    "depthwise, both ways": small({"depthwise": True, "extra_upsampling": True}),
    "depthwise, csp": small({"depthwise": True, "fusion": "csp"}),
    "pointwise head": small({}, {"kernel_size": 1, "reg_max": 7}),
    "one conv a tower": small({}, {"stacked_convs": 1}),
    "three convs a tower": small({}, {"stacked_convs": 3, "act": "silu"}),
    "narrow towers": small({}, {"stacked_convs": 2, "tower_channels": 9}),
    "one class": small({}, {"num_classes": 1}),
}
SPECS = {**PUBLISHED, **VARIANTS}
every_spec = pytest.mark.parametrize("name", SPECS)


def deployed(spec: DetectorSpec) -> DetectorNetwork:
    return cast(DetectorNetwork, deploy(spec.build()))


def recorded(spec: DetectorSpec) -> list[Call]:
    """What the deployed network runs on one image, views left out."""
    network, image = deployed(spec), torch.zeros(1, *spec.backbone.in_shape)
    with torch.no_grad(), Recorder() as recorder:
        network.predict(image)
    return [call for call in recorder.run if call[0] not in VIEWS]


def split(run: list[Call]) -> tuple[list[Call], list[Call]]:
    """Calls up to the raw maps, and those that decode them."""
    last = max(index for index, call in enumerate(run) if call[0] == "convolution")
    return run[: last + 1], run[last + 1 :]


@every_spec
def test_operators_up_to_the_raw_maps_are_what_runs_in_order(name: str) -> None:
    spec = SPECS[name]
    raw, _ = split(recorded(spec))
    decoding = len(spec.ops()) - 2  # the two that join the levels
    expected = [
        call
        for op in spec.ops()[:decoding]
        if op.kind != "decode"
        for call in calls(op)
        if call[0] != "sigmoid"  # waits until all levels are through
    ]
    assert raw == expected


@every_spec
def test_decoding_runs_what_its_operators_say(name: str) -> None:
    spec = SPECS[name]
    _, run = split(recorded(spec))
    *ops, scores, boxes = spec.ops()
    classes, positions, _ = scores.out_shape
    expected = [("cat", (classes, positions)), ("cat", (positions, boxes.out_shape[0]))]
    for op in ops:
        expected += [call for call in calls(op) if call[0] in ("sigmoid", "_softmax", "mv")]

    beside = Counter(run) - Counter(expected)

    assert not Counter(expected) - Counter(run)
    assert {call[0] for call in beside} <= SMALL
    assert all(torch.Size(call[1]).numel() <= 4 * positions for call in beside)


@every_spec
def test_params_are_counted_with_branches_merged_and_norms_kept(name: str) -> None:
    spec = SPECS[name]
    network = spec.build().eval()
    for layer in list(network.modules()):
        if isinstance(layer, RepConv):
            layer.deploy_()
    counted = sum(parameter.numel() for parameter in network.parameters())
    assert sum(op.params for op in spec.ops()) + SCALES == counted


@every_spec
def test_maps_and_boxes_have_the_promised_shapes(name: str) -> None:
    spec = SPECS[name]
    network, images = spec.build().eval(), torch.zeros(2, *SHAPE)
    with torch.no_grad():
        features = network.backbone(images)
        levels = network.neck(features)
        scores, boxes = network.predict(images)

    shapes = spec.backbone.feature_shapes()
    assert [tuple(x.shape[1:]) for x in features] == list(shapes)
    assert [tuple(x.shape[1:]) for x in levels] == list(spec.neck.out_shapes(shapes))
    positions = 8 * 12 + 4 * 6 + 2 * 3
    assert scores.shape == (2, positions, spec.head.num_classes)
    assert boxes.shape == (2, positions, 4)


@every_spec
def test_deployed_network_returns_what_the_trained_one_does(name: str) -> None:
    torch.manual_seed(0)
    network = cast(DetectorNetwork, trained(SPECS[name].build()))
    for scale in network.head.scales:
        nn.init.uniform_(scale, 0.5, 1.5)
    images = torch.randn(2, *SHAPE, dtype=torch.float64)
    ready = cast(DetectorNetwork, deploy(network))
    again = cast(DetectorNetwork, deploy(ready))

    with torch.no_grad():
        expected, returned, twice = (n.predict(images) for n in (network, ready, again))

    torch.testing.assert_close(returned, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(twice, returned, rtol=0, atol=0)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in ready.modules())


@every_spec
def test_every_parameter_learns(name: str) -> None:
    torch.manual_seed(0)
    network = SPECS[name].build().train()
    raw = network(torch.randn(2, *SHAPE))

    sum((x * torch.randn_like(x)).sum() for level in raw for x in level).backward()

    idle = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert idle == []


def test_a_network_takes_any_image_whose_sides_are_multiples_of_32() -> None:
    network = deployed(PUBLISHED["T"])
    for height, width in ((32, 32), (96, 64), (160, 32)):
        with torch.no_grad():
            scores, _ = network.predict(torch.zeros(1, 3, height, width))
        assert scores.shape[1] == sum((height // s) * (width // s) for s in (8, 16, 32))


def test_each_image_of_a_batch_is_looked_at_alone() -> None:
    torch.manual_seed(0)
    network = deployed(PUBLISHED["Ns"])
    images = torch.randn(3, *SHAPE)
    with torch.no_grad():
        scores, boxes = network.predict(images)
        alone = [network.predict(image[None]) for image in images]
    torch.testing.assert_close(scores, torch.cat([s for s, _ in alone]))
    torch.testing.assert_close(boxes, torch.cat([b for _, b in alone]))
