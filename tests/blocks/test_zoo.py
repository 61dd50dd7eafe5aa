"""The published backbones are what was published, and every reference figure is met."""

from __future__ import annotations

import pytest

from maenas.blocks import (
    Backbone,
    Block,
    ConvStem,
    ResK1DWK1,
    ResK1DWSEK1,
    ResK1KX,
    ResK1KXK1,
    ResKXKX,
    Shape,
    load_backbone,
    zoo_names,
)
from maenas.blocks.op import Op, elements

# Convolutions on the main path. T, S, M and L have those of their structure files (19 is sold as
# L20). The files of the nano models count units of two, 19, 19 and 21 layers sold as L18, L18 and
# L20, yet are built of units of three.
LAYERS = {
    "damo-yolo-t": 1 + 2 * (2 + 2 + 2 + 2 + 1),
    "damo-yolo-s": 25,
    "damo-yolo-m": 35,
    "damo-yolo-l": 45,
    "damo-yolo-ns": 1 + 3 * (1 + 2 + 2 + 2 + 2),
    "damo-yolo-nm": 1 + 3 * (2 + 2 + 2 + 2 + 1),
    "damo-yolo-nl": 1 + 3 * (1 + 2 + 2 + 3 + 2),
    "mae-det-s": 79,
    "mae-det-m": 91,
    "mae-det-l": 109,
    "csp-darknet-s": 25,
}

# Million multiply-accumulates of each stage, RepConvs merged, counted by hooks on the modules of
# tinyvision/DAMO-YOLO @ 319572e at the sizes it publishes (640, nano 416).
STAGE_MMACS = {
    "damo-yolo-t": [265, 806, 852, 619, 934, 472],
    "damo-yolo-s": [354, 786, 3821, 1625, 983, 587],
    "damo-yolo-m": [354, 3670, 2569, 7288, 1887],
    "damo-yolo-l": [354, 7445, 3985, 13422, 3067],
    "damo-yolo-ns": [18.7, 107.6, 115.1, 78.3, 95.7, 137.2],
    "damo-yolo-nm": [18.7, 364.5, 278.3, 218.7, 236.2, 216.4],
    "damo-yolo-nl": [28.0, 307.1, 417.1, 413.7, 559.7, 534.0],
}

FEATURES = {
    "damo-yolo-t": [(96, 80, 80), (192, 40, 40), (384, 20, 20)],
    "damo-yolo-s": [(128, 80, 80), (256, 40, 40), (512, 20, 20)],
    "damo-yolo-m": [(128, 80, 80), (256, 40, 40), (512, 20, 20)],
    "damo-yolo-l": [(128, 80, 80), (256, 40, 40), (512, 20, 20)],
    "damo-yolo-ns": [(40, 52, 52), (80, 26, 26), (160, 13, 13)],
    "damo-yolo-nm": [(64, 52, 52), (128, 26, 26), (256, 13, 13)],
    "damo-yolo-nl": [(80, 52, 52), (160, 26, 26), (320, 13, 13)],
    "mae-det-s": [(272, 60, 60), (1024, 30, 30), (2048, 15, 15)],
    "mae-det-m": [(512, 60, 60), (1632, 30, 30), (2048, 15, 15)],
    "mae-det-l": [(608, 60, 60), (1912, 30, 30), (2400, 15, 15)],
    "csp-darknet-s": [(128, 80, 80), (256, 40, 40), (512, 20, 20)],
}


def test_every_model_of_the_zoo_is_held_to_its_publication() -> None:
    assert set(zoo_names()) == set(LAYERS) == set(FEATURES)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_as_published(name: str) -> None:
    assert load_backbone(f"zoo:{name}").layers == LAYERS[name]


@pytest.mark.parametrize("name", STAGE_MMACS)
def test_stages_cost_what_those_of_damo_yolo_cost(name: str) -> None:
    expected = STAGE_MMACS[name]
    digits = 1 if name.startswith("damo-yolo-n") else 0  # as the table rounds them
    stages = load_backbone(f"zoo:{name}").stage_ops()
    assert [round(macs(ops) / 1e6, digits) for ops in stages] == expected


@pytest.mark.parametrize(
    ("scale", "gmacs"),
    [
        ("t", 3.949),
        ("s", 8.156),
        ("m", 15.768),
        ("l", 28.272),
        ("ns", 0.5525),
        ("nm", 1.3328),
        ("nl", 2.2597),
    ],
)
def test_backbones_cost_what_those_of_damo_yolo_cost(scale: str, gmacs: float) -> None:
    digits = len(str(gmacs).split(".")[1])
    assert round(macs(load_backbone(f"zoo:damo-yolo-{scale}").ops()) / 1e9, digits) == gmacs


@pytest.mark.parametrize("name", FEATURES)
def test_features_are_those_at_strides_8_16_and_32(name: str) -> None:
    backbone = load_backbone(f"zoo:{name}")
    assert list(backbone.feature_shapes()) == FEATURES[name]
    assert backbone.reductions() == (8, 16, 32)


@pytest.mark.parametrize("name", FEATURES)
def test_levels_are_the_five_resolutions(name: str) -> None:
    backbone = load_backbone(f"zoo:{name}")
    strides = [2, 4, 8, 16, 32]
    assert [backbone.levels[index] for index in backbone.features] == [2, 3, 4]
    for level, ops in zip(backbone.levels, backbone.stage_ops(), strict=True):
        assert ops[-1].out_shape[1] * strides[level] == backbone.in_shape[1]


# The figures of lightweight-neural-architecture-search, computed by its own code (its newest
# version, 8ccaf88) for structures of its repository, of DAMO-YOLO's and of its tutorial.


@pytest.mark.parametrize(
    ("name", "params", "flops"),
    [
        ("mae-det-s", 21_233_120, 10_992_870_000),
        ("mae-det-m", 25_843_536, 20_299_923_000),
        ("mae-det-l", 43_879_552, 34_494_619_500),
    ],
)
def test_mae_det_costs_what_its_code_says(name: str, params: int, flops: int) -> None:
    assert costs(load_backbone(f"zoo:{name}")) == (params, flops)


def k1kx(channels: int, bottleneck: int, depth: int, stride: int = 2) -> Block:
    return ResK1KX(
        out_channels=channels,
        bottleneck_channels=bottleneck,
        stride=stride,
        depth=depth,
        strided_shortcut=True,
    )


def kxkx(channels: int, bottleneck: int, depth: int, stride: int = 2) -> Block:
    return ResKXKX(
        out_channels=channels,
        bottleneck_channels=bottleneck,
        stride=stride,
        depth=depth,
        strided_shortcut=True,
    )


def k1kxk1(channels: int, bottleneck: int, depth: int, kernel: int = 5, stride: int = 2) -> Block:
    return ResK1KXK1(
        out_channels=channels,
        bottleneck_channels=bottleneck,
        kernel_size=kernel,
        stride=stride,
        depth=depth,
    )


def k1dwk1(channels: int, bottleneck: int, stride: int = 2) -> Block:
    return ResK1DWK1(out_channels=channels, bottleneck_channels=bottleneck, stride=stride)


def k1dwsek1(channels: int, bottleneck: int, depth: int, stride: int = 2) -> Block:
    return ResK1DWSEK1(
        out_channels=channels,
        bottleneck_channels=bottleneck,
        kernel_size=5,
        stride=stride,
        depth=depth,
    )


def stem(channels: int, kernel: int = 3, stride: int = 2) -> Block:
    return ConvStem(out_channels=channels, kernel_size=kernel, stride=stride)


FOCUSED: Shape = (12, 320, 320)  # its model of a 640 image behind a Focus stem
IMAGE: Shape = (3, 224, 224)


@pytest.mark.parametrize(
    ("in_shape", "stages", "layers", "params", "flops"),
    [
        pytest.param(
            FOCUSED,
            [
                stem(24, stride=1),
                k1kx(64, 24, 2),
                k1kx(96, 64, 2),
                k1kx(192, 96, 2),
                k1kx(192, 152, 2, stride=1),
                k1kx(384, 192, 1),
            ],
            *(19, 1_902_736, 3_996_953_600),
            id="L20_k1kx, the backbone of DAMO-YOLO T as it was searched",
        ),
        pytest.param(
            FOCUSED,
            [
                stem(32, stride=1),
                k1kx(128, 24, 1),
                k1kx(128, 88, 5),
                k1kx(256, 128, 3),
                k1kx(256, 120, 2, stride=1),
                k1kx(512, 144, 1),
            ],
            *(25, 3_053_920, 8_188_108_800),
            id="L25_k1kx, that of S",
        ),
        pytest.param(
            FOCUSED,
            [
                stem(32, stride=1),
                k1kx(96, 24, 1),
                k1kx(96, 96, 2),
                k1kx(256, 128, 3),
                k1kx(256, 144, 3, stride=1),
                k1kx(512, 224, 3),
            ],
            *(25, 5_831_696, 7_351_091_200),
            id="the result of its tutorial, which prints the same figures",
        ),
        pytest.param(
            FOCUSED,
            [
                stem(32, stride=1),
                kxkx(128, 64, 2),
                kxkx(128, 64, 4),
                kxkx(256, 256, 4),
                kxkx(256, 256, 4, stride=1),
                kxkx(512, 256, 3),
            ],
            *(35, 16_648_128, 32_769_024_000),
            id="L35_kxkx, the backbone of M",
        ),
        pytest.param(
            FOCUSED,
            [
                stem(32, stride=1),
                kxkx(128, 96, 3),
                kxkx(128, 96, 5),
                kxkx(256, 384, 5),
                kxkx(256, 384, 5, stride=1),
                kxkx(512, 384, 4),
            ],
            *(45, 32_406_720, 63_021_004_800),
            id="L45_kxkx, that of L",
        ),
        pytest.param(
            IMAGE,
            [
                stem(64, kernel=7),
                k1kxk1(256, 64, 3, kernel=3),
                k1kxk1(512, 128, 4, kernel=3),
                k1kxk1(1024, 256, 6, kernel=3),
                k1kxk1(2048, 512, 3, kernel=3),
            ],
            *(49, 23_508_032, 4_163_027_456),
            id="ResNet-50, its first pool a strided unit",
        ),
        pytest.param(
            IMAGE,
            [
                stem(32),
                k1kxk1(96, 40, 1),
                k1kxk1(384, 40, 6),
                k1kxk1(384, 64, 9),
                k1kxk1(1024, 104, 10, kernel=3, stride=1),
                k1kxk1(672, 104, 12),
            ],
            *(115, 11_153_088, 1_837_323_208),
            id="DeepMAD R18",
        ),
        pytest.param(
            IMAGE,
            [
                stem(16),
                k1dwk1(24, 48),
                k1dwk1(48, 96),
                k1dwk1(64, 128),
                k1dwk1(96, 192, stride=1),
                k1dwk1(192, 384),
                stem(1280, kernel=1, stride=1),
            ],
            *(17, 425_136, 73_115_840),
            id="start of its MobileNetV2 search",
        ),
        pytest.param(
            IMAGE,
            [
                stem(40),
                k1dwsek1(40, 240, 2, stride=1),
                k1dwsek1(85, 512, 4),
                k1dwsek1(134, 800, 6),
                k1dwsek1(201, 1208, 6),
                k1dwsek1(312, 1872, 5),
                stem(1792, kernel=1, stride=1),
            ],
            *(71, 26_876_956, 4_448_877_776),
            id="DeepMAD 29M",
        ),
    ],
)
def test_blocks_cost_what_those_of_mae_nas_cost(
    in_shape: Shape, stages: list[Block], layers: int, params: int, flops: int
) -> None:
    backbone = Backbone(tuple(stages), (len(stages) - 1,), in_shape)
    assert backbone.layers == layers
    assert costs(backbone) == (params, flops)


def costs(backbone: Backbone) -> tuple[int, int]:
    """(params, FLOPs) as that code counts both.

    It counts every weight and two numbers a BatchNorm channel; and one operation for each
    multiply-accumulate, two an element for the BatchNorm of a convolution, one for the activation
    or add behind it, one for each element a strided shortcut pools. The gate of a
    squeeze-and-excite has parameters but costs no operation.
    """
    params = flops = 0
    for op in backbone.ops():
        params += op.params
        if op.kind == "conv" and op.out_shape[1:] != (1, 1):
            flops += op.macs + (2 + 1) * elements(op.out_shape)
        elif op.kind == "avg_pool":
            flops += elements(op.in_shape)
    return params, flops


def macs(ops: tuple[Op, ...]) -> int:
    return sum(op.macs for op in ops)
