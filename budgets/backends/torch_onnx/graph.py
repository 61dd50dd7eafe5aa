"""A static ONNX graph in torch: each node becomes one call, with its parameters read in advance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.torch_onnx.node import OnnxNode, Outputs
from maenas.budgets.backends.torch_onnx.operators import OPERATORS
from maenas.budgets.graph.model import input_shapes


@dataclass(frozen=True, slots=True)
class _PlannedCall:
    """A node that is ready to run.

    Attributes:
        call: function of the inputs, one tensor each, None for an omitted input.
        reads: names of the inputs, "" for an omitted input.
        writes: names of the outputs.
        frees: names of the tensors that no later call reads.
    """

    call: Callable[..., Outputs]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    frees: tuple[str, ...]


class TorchGraph:
    """An ONNX graph with static shapes as a function of tensors.

    The types of the graph are kept: a graph of 16-bit floats is computed in 16 bits. Nodes that
    depend only on shapes and constants are computed once; shapes come from a run on torch's "meta"
    device. Tensors with four axes use the channels-last memory format.

    Args:
        model: static model, as `static_graph` returns it.
        device: torch device to run on.
    Raises:
        BackendError: if an operator, or a variant of it, is not supported; the message names the
            node.

    Attributes:
        inputs: "meta" tensors with shape and type of each input, by name.
    """

    def __init__(self, model: onnx.ModelProto, device: str = "cpu") -> None:
        graph = model.graph
        self._device = torch.device(device)
        self._outputs = [value.name for value in graph.output]
        opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
        constants = {constant.name: _tensor(constant) for constant in graph.initializer}
        kinds = {value.name: value.type.tensor_type.elem_type for value in graph.input}
        self.inputs = {
            name: torch.empty(shape, dtype=_torch_type(kinds[name]), device="meta")
            for name, shape in input_shapes(model).items()
        }
        self._calls = _calls(graph, opset, constants, self.inputs, self._outputs)
        read = {name for planned in self._calls for name in planned.reads} | {*self._outputs}
        self._constants = {
            name: _placed(value, self._device) for name, value in constants.items() if name in read
        }

    @torch.inference_mode()
    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """Return the outputs for inputs in the order of the graph."""
        values: dict[str, Tensor | None] = {"": None, **self._constants}
        values.update(zip(self.inputs, inputs, strict=True))
        for planned in self._calls:
            values.update(
                _written(planned, planned.call(*(values[name] for name in planned.reads)))
            )
            for name in planned.frees:
                del values[name]
        return [value for name in self._outputs if (value := values[name]) is not None]


def _calls(
    graph: onnx.GraphProto,
    opset: int,
    constants: dict[str, Tensor],
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
) -> list[_PlannedCall]:
    """Return a call for each node that depends on an input; add other outputs to `constants`."""
    shapes: dict[str, Tensor] = dict(inputs)
    calls: list[_PlannedCall] = []
    for proto in graph.node:
        reads = tuple(proto.input)
        while reads and not reads[-1]:
            reads = reads[:-1]
        node = OnnxNode(
            kind=proto.op_type,
            name=proto.name,
            opset=opset,
            attributes={a.name: helper.get_attribute_value(a) for a in proto.attribute},
            constants=tuple(constants.get(name) for name in reads),
            inputs=tuple(shapes.get(name, constants.get(name)) for name in reads),
            output_count=len(proto.output),
        )
        call = _call(node, proto.domain)
        if proto.op_type in ("Shape", "Size") or all(name in constants for name in reads if name):
            arguments = [None if not name else _known(name, constants, shapes) for name in reads]
            made = _PlannedCall(call, reads, tuple(proto.output), ())
            constants.update(_written(made, _try(node, call, arguments)))
            continue
        arguments = [_meta(name, constants, shapes) for name in reads]
        planned = _PlannedCall(call, reads, tuple(proto.output), ())
        shapes.update(_written(planned, _try(node, call, arguments)))
        calls.append(planned)
    return list(_freeing(calls, {*outputs, *constants}))


def _call(node: OnnxNode, domain: str) -> Callable[..., Outputs]:
    make = OPERATORS.get(node.kind) if domain in ("", "ai.onnx") else None
    if make is None:
        raise BackendError(f"{node.name}: PyTorch has no {node.kind} here; use another runtime.")
    return make(node)


def _try(
    node: OnnxNode, call: Callable[..., Outputs], arguments: Sequence[Tensor | None]
) -> Outputs:
    """Call a node for the first time and turn an error of torch into `BackendError`."""
    try:
        return call(*arguments)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BackendError(f"{node.name}: PyTorch cannot run this {node.kind}: {reason}") from None


def _known(name: str, constants: Mapping[str, Tensor], shapes: Mapping[str, Tensor]) -> Tensor:
    """Return a constant, or a "meta" tensor of which only the shape is read."""
    return constants[name] if name in constants else shapes[name]


def _meta(
    name: str, constants: Mapping[str, Tensor], shapes: Mapping[str, Tensor]
) -> Tensor | None:
    """Return a "meta" tensor; None for an omitted input."""
    return _known(name, constants, shapes).to("meta") if name else None


def _written(planned: _PlannedCall, made: Outputs) -> dict[str, Tensor]:
    """Return the outputs by name, without unnamed ones."""
    values = (made,) if isinstance(made, Tensor) else made
    return {name: value for name, value in zip(planned.writes, values, strict=False) if name}


def _freeing(calls: Sequence[_PlannedCall], kept: set[str]) -> Iterator[_PlannedCall]:
    """Yield the calls with the tensors that each can free; tensors in `kept` are never freed."""
    last: dict[str, int] = {}
    for index, planned in enumerate(calls):
        for name in (*planned.writes, *planned.reads):
            if name and name not in kept:
                last[name] = index
    for index, planned in enumerate(calls):
        frees = tuple(name for name, when in last.items() if when == index)
        yield _PlannedCall(planned.call, planned.reads, planned.writes, frees)


def _tensor(constant: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(np.array(numpy_helper.to_array(constant)))  # a writable copy


def _torch_type(kind: int) -> torch.dtype:
    return torch.from_numpy(np.empty(0, helper.tensor_dtype_to_np_dtype(kind))).dtype


def _placed(value: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on the device, in channels-last format if it has four axes."""
    if value.dim() == 4:
        return value.to(device, memory_format=torch.channels_last)
    return value.to(device)
