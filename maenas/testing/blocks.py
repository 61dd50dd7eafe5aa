"""The contract of blocks: the operators of a block are those that its deployed module runs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from maenas.blocks import Block, FocusStem, Shape
from maenas.blocks.backbone_file import block_data
from maenas.blocks.layers.deploy import deploy
from maenas.blocks.layers.rep_conv import RepConv
from maenas.testing.recorder import Recorder, calls, trained

SHAPES: tuple[Shape, ...] = ((16, 32, 32), (24, 17, 9), (2, 5, 1))


class BlockContract:
    """Tests of blocks; derive a class from it whose name begins with `Test`.

    Attributes:
        specs: blocks to test, at least one of each kind.
        shapes: input shapes (channels, height, width); odd sizes often reveal wrong inference.
    """

    specs: ClassVar[Sequence[Block]] = ()
    shapes: ClassVar[Sequence[Shape]] = SHAPES

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test for every block, and for every shape if the test has a shape argument."""
        assert metafunc.cls is not None
        specs, shapes = metafunc.cls.specs, metafunc.cls.shapes
        assert specs, f"{metafunc.cls.__name__}.specs: at least one block is needed"
        if "deep" in metafunc.fixturenames:
            deep = [spec for spec in specs if hasattr(spec, "depth")]
            metafunc.parametrize("deep", deep, ids=label)
        if "spec" in metafunc.fixturenames:
            metafunc.parametrize("spec", specs, ids=label)
        if "shape" in metafunc.fixturenames:
            metafunc.parametrize("shape", shapes, ids=str)

    def fit(self, spec: Block, shape: Shape) -> Shape:
        """The shape, changed to one that the block accepts; a Focus stem needs even sizes."""
        channels, height, width = shape
        return (channels, 2 * height, 2 * width) if isinstance(spec, FocusStem) else shape

    def test_ops_are_what_the_deployed_module_runs(self, spec: Block, shape: Shape) -> None:
        shape = self.fit(spec, shape)
        ops = list(spec.ops(shape))
        module, x = deploy(spec.build(shape[0])), torch.zeros(1, *shape)
        with torch.no_grad(), Recorder() as recorder:
            out = module(x)
        assert recorder.run == [call for op in ops for call in calls(op)]
        assert tuple(out.shape[1:]) == ops[-1].out_shape
        assert ops[0].in_shape == shape

    def test_macs_are_those_torch_counts(self, spec: Block, shape: Shape) -> None:
        shape = self.fit(spec, shape)
        module = deploy(spec.build(shape[0]))
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, *shape))
        assert 2 * sum(op.macs for op in spec.ops(shape)) == counter.get_total_flops()

    def test_params_are_counted_with_branches_merged_and_norms_kept(
        self, spec: Block, shape: Shape
    ) -> None:
        shape = self.fit(spec, shape)
        module = spec.build(shape[0]).eval()
        for layer in list(module.modules()):
            if isinstance(layer, RepConv):
                layer.deploy_()
        counted = sum(parameter.numel() for parameter in module.parameters())
        assert sum(op.params for op in spec.ops(shape)) == counted

    @pytest.mark.parametrize("form", ["training", "deployed"])
    def test_convolutions_are_registered_in_order_of_execution(
        self, spec: Block, form: str
    ) -> None:
        channels, height, width = self.fit(spec, (16, 8, 8))
        module = spec.build(channels)
        module = deploy(module) if form == "deployed" else module
        registered: list[nn.Module] = [*convolutions(module)]
        run: list[nn.Module] = []
        for layer in registered:
            layer.register_forward_pre_hook(lambda layer, _: run.append(layer))
        module(torch.zeros(2, channels, height, width))
        assert [registered.index(layer) for layer in run] == list(range(len(registered)))

    def test_deployed_module_returns_what_the_trained_one_does(self, spec: Block) -> None:
        torch.manual_seed(0)
        channels, height, width = self.fit(spec, (16, 9, 7))
        module = trained(spec.build(channels))
        x = torch.randn(2, channels, height, width, dtype=torch.float64)
        deployed = deploy(module)
        with torch.no_grad():
            expected, returned, again = module(x), deployed(x), deploy(deployed)(x)
        torch.testing.assert_close(returned, expected, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(again, returned, rtol=0, atol=0)

    def test_deploying_leaves_the_trained_module_as_it_was(self, spec: Block) -> None:
        module = spec.build(16).train()
        before = {name: value.clone() for name, value in module.state_dict().items()}
        deployed = deploy(module)
        assert module.training
        assert not deployed.training
        assert list(before) == list(module.state_dict())
        after = module.state_dict()
        assert all(torch.equal(before[name], value) for name, value in after.items())
        assert not any(isinstance(layer, nn.BatchNorm2d) for layer in deployed.modules())

    def test_every_parameter_learns(self, spec: Block) -> None:
        torch.manual_seed(0)
        channels, height, width = self.fit(spec, (16, 12, 10))
        module = spec.build(channels).train()
        out = module(torch.randn(4, channels, height, width))
        (out * torch.randn_like(out)).sum().backward()
        idle = [
            name
            for name, parameter in module.named_parameters()
            if parameter.grad is None or not parameter.grad.any()
        ]
        assert idle == []

    def test_every_batch_norm_has_the_constants_of_damo_yolo(self, spec: Block) -> None:
        norms = [layer for layer in spec.build(16).modules() if isinstance(layer, nn.BatchNorm2d)]
        assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.03)}

    def test_one_more_unit_always_costs_the_same(self, deep: Block, shape: Shape) -> None:
        one, two, five = (costs(at_depth(deep, depth), shape) for depth in (1, 2, 5))
        assert five == {name: one[name] + 4 * (two[name] - one[name]) for name in one}

    def test_peak_memory_no_longer_grows_after_the_second_unit(
        self, deep: Block, shape: Shape
    ) -> None:
        two, three, six = (peak(at_depth(deep, depth), shape) for depth in (2, 3, 6))
        assert two == three == six

    def test_main_path_is_a_chain_from_input_to_output(self, spec: Block) -> None:
        """A score can then sum the gains along the main path."""
        shape = self.fit(spec, (16, 8, 8))
        ops = list(spec.ops(shape))
        main = [op for op in ops if op.path == "main"]
        side = sum(op.out_shape[0] for op in ops if op.path == "side")  # joins in a CSP's concat
        if isinstance(spec, FocusStem):
            shape = ops[0].out_shape  # after space-to-depth
        for op in main:
            channels, height, width = shape
            assert op.in_shape == (channels + side * (op.kind == "concat"), height, width)
            shape = op.out_shape
        assert shape == ops[-1].out_shape  # an SPP keeps the shape

    def test_a_spec_is_a_value(self, spec: Block) -> None:
        twin = copy.deepcopy(spec)
        assert twin == spec
        assert hash(twin) == hash(spec)
        with pytest.raises(AttributeError):
            setattr(spec, "stride", 1)  # noqa: B010 - an attribute that cannot be set


def label(spec: Block) -> str:
    """A short name for the id of a test: the kind and the fields that differ from defaults."""
    data = block_data(spec)
    return " ".join([str(data.pop("block")), *(f"{key}={value}" for key, value in data.items())])


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    """The convolutions of a module in the order in which they are registered."""
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def at_depth(spec: Block, depth: int) -> Block:
    """The same block with another number of units."""
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
    """Largest number of elements in memory for one operator."""
    return max(op.working_set for op in spec.ops(shape))
