"""Every block under the published contract, and what is particular to some of them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from maenas.blocks import (
    BLOCKS,
    CSP,
    SPP,
    Block,
    ConvStem,
    FocusStem,
    Mob,
    ResK1DWK1,
    ResK1DWSEK1,
    ResK1KX,
    ResK1KXK1,
    ResKXKX,
)
from maenas.blocks.layers.deploy import deploy
from maenas.testing import BlockContract
from maenas.testing.blocks import convolutions, label

SPECS: list[Block] = [
    ConvStem(out_channels=16),
    ConvStem(out_channels=8, kernel_size=7, act="silu"),
    ConvStem(out_channels=40, kernel_size=1, stride=1, act="none"),
    FocusStem(out_channels=24),
    FocusStem(out_channels=7, kernel_size=5, act="silu"),
    SPP(),
    ResK1KX(out_channels=16, bottleneck_channels=8),
    ResK1KX(out_channels=24, bottleneck_channels=7, kernel_size=5, stride=2, depth=3),
    ResK1KX(out_channels=16, bottleneck_channels=24, stride=2, depth=2, strided_shortcut=True),
    ResK1KX(out_channels=24, bottleneck_channels=9, stride=1, depth=2, rep=True, act="silu"),
    ResK1KX(out_channels=32, bottleneck_channels=8, stride=2, depth=3, rep=True, spp=True),
    ResK1KX(out_channels=12, bottleneck_channels=8, kernel_size=1, stride=2, rep=True),
    ResKXKX(out_channels=16, bottleneck_channels=8),
    ResKXKX(out_channels=24, bottleneck_channels=7, kernel_size=5, stride=2, depth=3),
    ResKXKX(out_channels=16, bottleneck_channels=24, stride=2, depth=2, strided_shortcut=True),
    ResKXKX(out_channels=20, bottleneck_channels=8, depth=3, rep=True, act="silu", spp=True),
    CSP(out_channels=16, bottleneck_channels=8),
    CSP(out_channels=24, bottleneck_channels=7, inner="k1kx", depth=3, spp=True),
    CSP(out_channels=8, bottleneck_channels=4, kernel_size=5, stride=1, depth=2, rep=False),
    CSP(out_channels=18, bottleneck_channels=8, act="relu", wrapper_act="silu"),
    ResK1KXK1(out_channels=16, bottleneck_channels=8),
    ResK1KXK1(out_channels=16, bottleneck_channels=9, stride=2, depth=3, kernel_size=5),
    ResK1KXK1(out_channels=24, bottleneck_channels=8, depth=2, act="silu", spp=True),
    ResK1DWK1(out_channels=16, bottleneck_channels=32),
    ResK1DWK1(out_channels=16, bottleneck_channels=20, stride=2, depth=3, kernel_size=5),
    ResK1DWK1(out_channels=26, bottleneck_channels=30, depth=2, act="silu", spp=True),
    ResK1DWSEK1(out_channels=16, bottleneck_channels=32),
    ResK1DWSEK1(out_channels=16, bottleneck_channels=70, stride=2, depth=3, kernel_size=7),
    ResK1DWSEK1(out_channels=26, bottleneck_channels=6, depth=2, act="relu", spp=True),
    Mob(out_channels=16, expand_ratio=3.5),
    Mob(out_channels=24, expand_ratio=2.3, stride=2, depth=3, kernel_size=3, spp=True),
    Mob(out_channels=10, expand_ratio=1, depth=2, act="relu"),
]


def strided_shortcut(block: type[ResK1KX] | type[ResKXKX]) -> Block:
    return block(out_channels=16, bottleneck_channels=8, stride=2, strided_shortcut=True)


DEEP = [spec for spec in SPECS if hasattr(spec, "depth")]
every_spec = pytest.mark.parametrize("spec", SPECS, ids=label)


class TestBlocks(BlockContract):
    specs = SPECS


def test_every_kind_of_block_is_under_contract() -> None:
    assert {spec.kind for spec in SPECS} == set(BLOCKS)
    assert all(BLOCKS[spec.kind] is type(spec) for spec in SPECS)


def test_every_block_with_a_depth_is_priced_by_it() -> None:
    without = {"conv_stem", "focus_stem", "spp"}
    assert {spec.kind for spec in DEEP} == set(BLOCKS) - without


@every_spec
def test_layers_are_the_convolutions_on_the_main_path(spec: Block) -> None:
    on_main = [op for op in spec.ops((16, 8, 8)) if op.kind == "conv" and op.path == "main"]
    uncounted = 1 if isinstance(spec, CSP) else 0  # the 1x1 that fuses the halves
    assert spec.layers == len(on_main) - uncounted


@pytest.mark.parametrize(
    ("spec", "in_channels", "shortcut"),
    [
        (ResK1KX(out_channels=16, bottleneck_channels=8), 16, "add"),
        (ResK1KX(out_channels=16, bottleneck_channels=8), 8, "1x1 add"),
        (ResK1KX(out_channels=16, bottleneck_channels=8, stride=2), 16, ""),
        (ResKXKX(out_channels=16, bottleneck_channels=8, stride=2), 16, ""),
        (strided_shortcut(ResK1KX), 16, "pool add"),
        (strided_shortcut(ResK1KX), 8, "pool 1x1 add"),
        (strided_shortcut(ResKXKX), 16, "pool add"),
        (strided_shortcut(ResKXKX), 8, "pool 1x1 add"),
        (ResK1KXK1(out_channels=16, bottleneck_channels=8), 16, "1x1 add"),
        (ResK1KXK1(out_channels=16, bottleneck_channels=8, depth=2), 16, "1x1 add add"),
        (ResK1KXK1(out_channels=16, bottleneck_channels=8, stride=2), 16, "pool 1x1 add"),
        (ResK1DWK1(out_channels=16, bottleneck_channels=32), 16, "add"),
        (ResK1DWK1(out_channels=16, bottleneck_channels=32), 8, ""),
        (ResK1DWK1(out_channels=16, bottleneck_channels=32, stride=2), 16, "pool add"),
        (Mob(out_channels=16, expand_ratio=2.0), 16, "add"),
        (Mob(out_channels=16, expand_ratio=2.0), 8, ""),
        (Mob(out_channels=16, expand_ratio=2.0, stride=2), 16, ""),
    ],
    ids=lambda value: label(value) if isinstance(value, Block) else str(value),
)
def test_a_unit_has_the_shortcut_of_its_source(
    spec: Block, in_channels: int, shortcut: str
) -> None:
    steps = []
    for op in spec.ops((in_channels, 8, 8)):
        if op.path == "none":
            steps.append("pool" if op.kind == "avg_pool" else f"{op.kernel_size}x{op.kernel_size}")
        elif op.adds:
            steps.append("add")
    assert " ".join(steps) == shortcut


def test_k1kxk1_adds_its_pooled_and_projected_input() -> None:
    unit = deploy(ResK1KXK1(out_channels=6, bottleneck_channels=4, stride=2).build(5))[0]
    project, reduce, spatial, expand = convolutions(unit)
    x = torch.randn(2, 5, 8, 8)

    chain = expand(F.relu(spatial(F.relu(reduce(x)))))
    expected = F.relu(chain + project(F.avg_pool2d(x, 2)))

    torch.testing.assert_close(unit(x), expected)


def test_k1dwsek1_gates_its_depthwise_maps_by_their_means() -> None:
    unit = deploy(ResK1DWSEK1(out_channels=6, bottleneck_channels=40).build(6))[0]
    expand, spatial, squeeze, excite, reduce = convolutions(unit)
    x = torch.randn(2, 6, 8, 8)

    maps = F.silu(spatial(F.silu(expand(x))))
    gate = torch.sigmoid(excite(F.silu(squeeze(maps.mean((2, 3), keepdim=True)))))
    expected = F.silu(reduce(maps * gate) + x)

    torch.testing.assert_close(unit(x), expected)
    assert squeeze.out_channels == 8  # a quarter of 40 is 10, down to a multiple of 8


def test_strided_shortcut_averages_an_odd_last_row_and_column_alone() -> None:
    spec = ResK1KX(out_channels=1, bottleneck_channels=1, stride=2, strided_shortcut=True)
    unit = spec.build(1)[0].eval()
    for layer in convolutions(unit):
        nn.init.zeros_(layer.weight)  # what is left is the shortcut

    out = unit(torch.arange(9.0).reshape(1, 1, 3, 3))  # 0 1 2 / 3 4 5 / 6 7 8

    assert out[0, 0].tolist() == [[(0 + 1 + 3 + 4) / 4, (2 + 5) / 2], [(6 + 7) / 2, 8]]
