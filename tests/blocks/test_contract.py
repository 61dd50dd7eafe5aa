"""What every block promises: its operators are what its deployed module runs."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

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
    Shape,
)
from maenas.blocks.backbone_file import block_data
from maenas.blocks.layers.deploy import deploy
from maenas.blocks.layers.rep_conv import RepConv
from tests.recorder import Recorder, calls, trained

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


def label(spec: Block) -> str:
    """A short name for a test's id: the kind and what differs from its defaults."""
    data = block_data(spec)
    return " ".join([str(data.pop("block")), *(f"{key}={value}" for key, value in data.items())])


def strided_shortcut(block: type[ResK1KX] | type[ResKXKX]) -> Block:
    return block(out_channels=16, bottleneck_channels=8, stride=2, strided_shortcut=True)


DEEP = [spec for spec in SPECS if hasattr(spec, "depth")]
SHAPES: list[Shape] = [(16, 32, 32), (24, 17, 9), (2, 5, 1)]  # odd sizes: where inference lies

every_spec = pytest.mark.parametrize("spec", SPECS, ids=label)
every_deep_spec = pytest.mark.parametrize("spec", DEEP, ids=label)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def test_every_kind_of_block_is_under_contract() -> None:
    assert {spec.kind for spec in SPECS} == set(BLOCKS)
    assert all(BLOCKS[spec.kind] is type(spec) for spec in SPECS)


@every_shape
@every_spec
def test_ops_are_what_the_deployed_module_runs(spec: Block, shape: Shape) -> None:
    shape = fit(spec, shape)
    ops = list(spec.ops(shape))
    module, x = deploy(spec.build(shape[0])), torch.zeros(1, *shape)

    with torch.no_grad(), Recorder() as recorder:
        out = module(x)

    assert recorder.run == [call for op in ops for call in calls(op)]
    assert tuple(out.shape[1:]) == ops[-1].out_shape
    assert ops[0].in_shape == shape


@every_shape
@every_spec
def test_macs_are_those_torch_counts(spec: Block, shape: Shape) -> None:
    shape = fit(spec, shape)
    module = deploy(spec.build(shape[0]))

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.zeros(1, *shape))

    assert 2 * sum(op.macs for op in spec.ops(shape)) == counter.get_total_flops()


@every_shape
@every_spec
def test_params_are_counted_with_branches_merged_and_norms_kept(spec: Block, shape: Shape) -> None:
    shape = fit(spec, shape)
    module = spec.build(shape[0]).eval()
    for layer in list(module.modules()):
        if isinstance(layer, RepConv):
            layer.deploy_()

    counted = sum(parameter.numel() for parameter in module.parameters())

    assert sum(op.params for op in spec.ops(shape)) == counted


@pytest.mark.parametrize("form", ["training", "deployed"])
@every_spec
def test_convolutions_are_registered_in_order_of_execution(spec: Block, form: str) -> None:
    channels, height, width = fit(spec, (16, 8, 8))
    module = spec.build(channels)
    module = deploy(module) if form == "deployed" else module
    registered = convolutions(module)
    run: list[nn.Module] = []
    for layer in registered:
        layer.register_forward_pre_hook(lambda layer, _: run.append(layer))

    module(torch.zeros(2, channels, height, width))

    assert [registered.index(layer) for layer in run] == list(range(len(registered)))


@every_spec
def test_deployed_module_returns_what_the_trained_one_does(spec: Block) -> None:
    torch.manual_seed(0)
    channels, height, width = fit(spec, (16, 9, 7))
    module = trained(spec.build(channels))
    x = torch.randn(2, channels, height, width, dtype=torch.float64)
    deployed = deploy(module)

    with torch.no_grad():
        expected, returned, again = module(x), deployed(x), deploy(deployed)(x)

    torch.testing.assert_close(returned, expected, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(again, returned, rtol=0, atol=0)


@every_spec
def test_deploying_leaves_the_trained_module_as_it_was(spec: Block) -> None:
    module = spec.build(16).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}

    deployed = deploy(module)

    assert module.training
    assert not deployed.training
    assert list(before) == list(module.state_dict())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in deployed.modules())


@every_spec
def test_every_parameter_learns(spec: Block) -> None:
    torch.manual_seed(0)
    channels, height, width = fit(spec, (16, 12, 10))
    module = spec.build(channels).train()
    out = module(torch.randn(4, channels, height, width))

    (out * torch.randn_like(out)).sum().backward()

    idle = [
        name
        for name, parameter in module.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert idle == []


@every_spec
def test_every_batch_norm_has_the_constants_of_damo_yolo(spec: Block) -> None:
    norms = [layer for layer in spec.build(16).modules() if isinstance(layer, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.03)}


def test_every_block_with_a_depth_is_priced_by_it() -> None:
    without = {"conv_stem", "focus_stem", "spp"}
    assert {spec.kind for spec in DEEP} == set(BLOCKS) - without


@every_shape
@every_deep_spec
def test_one_more_unit_always_costs_the_same(spec: Block, shape: Shape) -> None:
    one, two, five = (costs(at_depth(spec, depth), shape) for depth in (1, 2, 5))
    assert five == {name: one[name] + 4 * (two[name] - one[name]) for name in one}


@every_shape
@every_deep_spec
def test_peak_memory_no_longer_grows_after_the_second_unit(spec: Block, shape: Shape) -> None:
    two, three, six = (peak(at_depth(spec, depth), shape) for depth in (2, 3, 6))
    assert two == three == six


@every_spec
def test_layers_are_the_convolutions_on_the_main_path(spec: Block) -> None:
    on_main = [op for op in spec.ops((16, 8, 8)) if op.kind == "conv" and op.path == "main"]
    uncounted = 1 if isinstance(spec, CSP) else 0  # the 1x1 that fuses the halves
    assert spec.layers == len(on_main) - uncounted


@every_spec
def test_main_path_is_a_chain_from_input_to_output(spec: Block) -> None:
    """So that a score may add up the gains along it."""
    shape = fit(spec, (16, 8, 8))
    ops = list(spec.ops(shape))
    main = [op for op in ops if op.path == "main"]
    side = sum(op.out_shape[0] for op in ops if op.path == "side")  # joins in a CSP's concat
    if isinstance(spec, FocusStem):
        shape = ops[0].out_shape  # the pixels side by side
    for op in main:
        channels, height, width = shape
        assert op.in_shape == (channels + side * (op.kind == "concat"), height, width)
        shape = op.out_shape
    assert shape == ops[-1].out_shape  # an SPP changes none


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


@every_spec
def test_a_spec_is_a_value(spec: Block) -> None:
    twin = copy.deepcopy(spec)
    assert twin == spec
    assert hash(twin) == hash(spec)
    with pytest.raises(AttributeError):
        spec.stride = 1


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def fit(spec: Block, shape: Shape) -> Shape:
    """The shape, made even for a Focus stem, which takes no other."""
    channels, height, width = shape
    return (channels, 2 * height, 2 * width) if isinstance(spec, FocusStem) else shape


def at_depth(spec: Block, depth: int) -> Block:
    return replace(spec, depth=depth)  # type: ignore[type-var]


def costs(spec: Block, shape: Shape) -> dict[str, int]:
    """Every cost that is a sum over operators."""
    ops = list(spec.ops(shape))
    return {
        "macs": sum(op.macs for op in ops),
        "params": sum(op.params for op in ops),
        "operators": len(ops),
        "layers": spec.layers,
    }


def peak(spec: Block, shape: Shape) -> int:
    return max(op.working_set for op in spec.ops(shape))
