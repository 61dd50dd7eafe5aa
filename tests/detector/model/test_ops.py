"""Neck and head as operators: with the backbones they cost what DAMO-YOLO publishes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from maenas.blocks import Backbone, Op, Shape, SpecError, load_backbone
from maenas.blocks.op import elements
from maenas.detector import RepGFPN, ZeroHead, load_template, template_names

# GFLOPs published, and the parameters counted on tinyvision/DAMO-YOLO @ 319572e with RepConvs
# merged. S is published as 37.8, counted when its head still had 81 classes: see the ablations.
PUBLISHED = {
    "t": (18.06, 8_479_631),
    "s": (37.70, 16_251_631),
    "m": (61.75, 28_178_175),
    "l": (97.28, 42_058_111),
    "ns": (1.559, 1_405_691),
    "nm": (3.692, 2_707_219),
    "nl": (6.036, 5_688_579),
}
SCALES = 3  # one learnt number a level multiplies the box logits; it is no operator of ours


def test_every_template_is_held_to_its_publication() -> None:
    assert set(template_names()) == set(PUBLISHED)


@pytest.mark.parametrize("scale", PUBLISHED)
def test_a_detector_has_the_parameters_of_damo_yolo(scale: str) -> None:
    _, params = PUBLISHED[scale]
    assert sum(op.params for op in detector(scale)) + SCALES == params


@pytest.mark.parametrize("scale", PUBLISHED)
def test_a_detector_costs_the_published_gflops(scale: str) -> None:
    gflops, _ = PUBLISHED[scale]
    # 2 x (multiply-accumulates + 2 an element behind each BatchNorm that is not in a RepConv)
    assert published_gflops(detector(scale), per_norm=2) == pytest.approx(gflops, rel=1e-3)


@pytest.mark.parametrize(
    ("scale", "backbone", "neck", "head"),
    [
        ("t", 3.949, 4.101, 0.955),
        ("s", 8.156, 8.743, 1.910),
        ("m", 15.768, 13.133, 1.910),
        ("l", 28.272, 18.376, 1.910),
        ("ns", 0.5525, 0.1750, 0.0212),
        ("nm", 1.3328, 0.4242, 0.0339),
        ("nl", 2.2597, 0.6523, 0.0424),
    ],
)
def test_backbone_neck_and_head_share_the_gmacs_as_damo_yolo_does(
    scale: str, backbone: float, neck: float, head: float
) -> None:
    template, features = load_template(scale), published(scale).feature_shapes()
    levels = template.neck.out_shapes(features)
    parts = (
        published(scale).ops(),
        template.neck.ops(features),
        template.head.ops(levels),
    )
    digits = 4 if scale.startswith("n") else 3  # as the table rounds them
    assert tuple(round(gmacs(ops), digits) for ops in parts) == (backbone, neck, head)


@pytest.mark.parametrize("scale", PUBLISHED)
def test_a_template_takes_the_input_and_depth_of_its_backbone(scale: str) -> None:
    template, backbone = load_template(scale), published(scale)
    assert template.in_shape == backbone.in_shape
    assert backbone.layers <= template.layers <= backbone.layers + 1  # T: 19 layers, sold as L20


@pytest.mark.parametrize("scale", PUBLISHED)
def test_a_template_is_its_neck_then_its_head(scale: str) -> None:
    template, features = load_template(scale), published(scale).feature_shapes()
    levels = template.neck.out_shapes(features)
    assert template.ops(features) == (*template.neck.ops(features), *template.head.ops(levels))
    assert [shape[0] for shape in levels] == list(template.neck.out_channels)
    assert [shape[1:] for shape in levels] == [shape[1:] for shape in features]


# The ablations of the report, model S. Published GFLOPs in brackets; they were counted by another
# version of the same tool, 4 an element behind a BatchNorm, when the head had 81 classes.


@pytest.mark.parametrize(
    ("change", "gflops"),
    [
        pytest.param({}, 37.80, id="as released [37.8]"),
        # Table 3, depth and width: the width it prints is out_channels x hidden_ratio
        pytest.param({"depth": 2, "hidden_ratio": 1.0}, 36.09, id="2 deep, (128,256,512) [36.1]"),
        pytest.param({"depth": 3, "hidden_ratio": 0.75}, 37.80, id="3 deep, (96,192,384) [37.8]"),
        pytest.param({"depth": 4, "hidden_ratio": 0.5}, 37.16, id="4 deep, (64,128,256) [37.2]"),
        # Table 4, queen-fusion
        pytest.param({"extra_downsampling": False}, 33.31, id="without queen-fusion [33.3]"),
        pytest.param({"extra_upsampling": True}, 42.68, id="both ways [42.8]"),
        pytest.param(
            {"extra_downsampling": False, "extra_upsampling": True}, 37.77, id="upward only [37.7]"
        ),
        # Table 5, merge nodes
        pytest.param({"fusion": "conv"}, 44.34, id="one convolution [44.3]"),
        pytest.param({"fusion": "csp"}, 36.77, id="CSP [36.7]"),
        pytest.param({"fusion": "csp_rep"}, 36.76, id="CSP, re-parameterised [36.7]"),
        pytest.param({"fusion": "csp_rep_elan"}, 37.80, id="and ELAN [37.8]"),
    ],
)
def test_ablations_cost_what_the_report_says(change: dict[str, object], gflops: float) -> None:
    template, backbone = load_template("s"), published("s")
    ablated = replace(
        template,
        neck=replace(template.neck, **change),
        head=replace(template.head, num_classes=81),
    )
    ops = (*backbone.ops(), *ablated.ops(backbone.feature_shapes()))
    assert round(published_gflops(ops, per_norm=4), 2) == gflops


def test_hidden_channels_take_the_place_of_the_ratio() -> None:
    features = published("s").feature_shapes()
    neck = load_template("s").neck
    # Half of each node is 64, 128 and 256 wide; three quarters of that
    by_hand = replace(neck, hidden_ratio=1.0, hidden_channels=(48, 96, 192))
    assert list(by_hand.ops(features)) == list(neck.ops(features))


def test_a_neck_without_blocks_is_two_convolutions_a_node() -> None:
    neck = RepGFPN(out_channels=(8, 8, 8), depth=0, extra_downsampling=False)
    ops = list(neck.ops([(8, 8, 8), (8, 4, 4), (8, 2, 2)]))
    # four nodes of a halving and a fusing 1x1, and the two that carry P3 to P4 and P4 to P5
    assert [op.kernel_size for op in ops if op.kind == "conv"] == [1, 1, 1, 1, 3, 1, 1, 3, 1, 1]
    assert not any(op.kind == "add" for op in ops)


def test_a_head_decodes_each_level_and_joins_them() -> None:
    levels: list[Shape] = [(16, 8, 12), (32, 4, 6), (64, 2, 3)]
    ops = list(ZeroHead(num_classes=5, reg_max=7).ops(levels))
    last = [op for op in ops if op.kind == "conv"]
    assert [op.out_shape[0] for op in last] == [5, 4 * 8] * 3
    assert [op.act for op in last] == ["sigmoid", "none"] * 3
    assert [op.out_shape for op in ops if op.kind == "decode"] == [(4, 8, 12), (4, 4, 6), (4, 2, 3)]
    positions = 8 * 12 + 4 * 6 + 2 * 3
    assert [op.out_shape for op in ops[-2:]] == [(5, positions, 1), (4, positions, 1)]


def test_a_tower_stands_before_both_last_convolutions() -> None:
    head = ZeroHead(num_classes=5, stacked_convs=3, tower_channels=24)
    convs = [op for op in head.ops([(16, 4, 4)]) if op.kind == "conv"]
    tower = [(1, 16, 24), (3, 24, 24), (3, 24, 24)]  # kernel, channels in and out
    assert [(op.kernel_size, op.in_shape[0], op.out_shape[0]) for op in convs] == [
        *tower,
        (3, 24, 5),
        *tower,
        (3, 24, 4 * 17),
    ]


@pytest.mark.parametrize(
    ("features", "shown"),
    [
        ([(8, 80, 80), (8, 40, 40)], r"got 2 \(80x80, 40x40\)"),
        ([(8, 80, 80), (8, 40, 40), (8, 40, 40)], r"got 3 \(80x80, 40x40, 40x40\)"),
        ([(8, 20, 20), (8, 40, 40), (8, 80, 80)], r"got 3 \(20x20, 40x40, 80x80\)"),
        ([], r"got 0 \(\)"),
    ],
    ids=["two", "one stride twice", "coarse first", "none"],
)
def test_features_that_do_not_fit_the_neck_are_named(features: list[Shape], shown: str) -> None:
    template = load_template("s")
    message = rf"neck: needs three features at strides 8, 16 and 32.*{shown}; choose `features`"
    with pytest.raises(SpecError, match=message):
        template.ops(features)
    with pytest.raises(SpecError, match=message):
        template.neck.out_shapes(features)
    with pytest.raises(SpecError, match=message):
        list(template.neck.ops(features))


@pytest.mark.parametrize(
    ("size", "nearest"),
    [((100, 100), "96x96 or 128x128"), ((424, 320), "416x320 or 448x320"), ((20, 64), "32x64")],
    ids=str,
)
def test_an_input_size_that_does_not_fit_is_named_with_the_nearest(
    size: tuple[int, int], nearest: str
) -> None:
    features = [(8, *(-(-side // stride) for side in size)) for stride in (8, 16, 32)]
    message = rf"^neck: the input size \(--input-size, .* multiple of 32 .* such as {nearest}, got"
    with pytest.raises(SpecError, match=message):
        load_template("s").ops(features)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"out_channels": (8, 0, 8)}, "neck: out_channels must be at least 1, got 0"),
        ({"hidden_channels": (8, 0, 8)}, "neck: hidden_channels must be at least 1, got 0"),
        ({"depth": -1}, "neck: depth must be at least 0"),
        ({"hidden_ratio": 0.0}, "hidden_ratio positive, got 3 and 0.0"),
        (
            {"hidden_channels": (8, 8)},
            r"hidden_channels must have one width per level, got \(8, 8\)",
        ),
        ({"fusion": "sum"}, "neck: fusion must be one of conv, csp, csp_rep, csp_rep_elan, got su"),
    ],
)
def test_a_neck_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        replace(RepGFPN(out_channels=(8, 8, 8)), **change)  # type: ignore[arg-type]


def test_a_ratio_that_leaves_no_channel_is_refused() -> None:
    neck = RepGFPN(out_channels=(8, 8, 8), hidden_ratio=0.2)  # a fifth of half of 8
    with pytest.raises(SpecError, match="neck: hidden_channels must be at least 1, got 0"):
        list(neck.ops([(8, 8, 8), (8, 4, 4), (8, 2, 2)]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_classes": 0}, "head: num_classes must be at least 1, got 0"),
        ({"reg_max": 0}, "head: reg_max must be at least 1, got 0"),
        ({"kernel_size": 2}, "head: kernel_size must be odd and at least 1, got 2"),
        ({"stacked_convs": -1}, "head: stacked_convs must be at least 0, got -1"),
        ({"tower_channels": 0}, "head: tower_channels must be at least 1, got 0"),
    ],
)
def test_a_head_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        replace(ZeroHead(), **change)  # type: ignore[arg-type]


def test_an_unknown_scale_is_answered_with_those_there_are() -> None:
    with pytest.raises(SpecError, match="template: no scale 'xl'; did you mean"):
        load_template("xl")
    with pytest.raises(
        SpecError, match="template: no scale '640'; known: ns, nm, nl, t, s, m, l, cn, cs"
    ):
        load_template("640")


def published(scale: str) -> Backbone:
    return load_backbone(f"zoo:damo-yolo-{scale}")


def detector(scale: str) -> tuple[Op, ...]:
    """The operators of a published detector."""
    backbone = published(scale)
    return (*backbone.ops(), *load_template(scale).ops(backbone.feature_shapes()))


def gmacs(ops: Iterable[Op]) -> float:
    return sum(op.macs for op in ops) / 1e9


def published_gflops(ops: Iterable[Op], per_norm: int) -> float:
    """GFLOPs as the report counts: with `per_norm` operations an element behind a BatchNorm."""
    return sum(2 * (op.macs + per_norm * elements(op.out_shape) * op.norm) for op in ops) / 1e9
