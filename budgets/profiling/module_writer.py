"""Writer of small ONNX graphs of several operators, for modules that detectors share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper

from maenas.blocks.op import Act
from maenas.budgets.graph.operator_graph import IR_VERSION, OPSET
from maenas.budgets.graph.writer import WEIGHT, GraphWriter


class ModuleWriter:
    """Writer of nodes named by kind and number, which knows the shape of every tensor.

    Args:
        inputs: shape of each input, without the batch of 1.
    """

    def __init__(self, inputs: Mapping[str, Sequence[int]]) -> None:
        self.shapes = {name: (1, *shape) for name, shape in inputs.items()}
        self._inputs = tuple(inputs)
        self._writer = GraphWriter()

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        shape: Sequence[int],
        **attributes: int | float | str | Sequence[int],
    ) -> str:
        """Append a node with one output of the given shape; return the name of the output."""
        return self.nodes(kind, inputs, [shape], **attributes)[0]

    def nodes(
        self,
        kind: str,
        inputs: Sequence[str],
        shapes: Sequence[Sequence[int]],
        **attributes: int | float | str | Sequence[int],
    ) -> list[str]:
        """Append a node with several outputs; return their names."""
        name = f"{kind}_{len(self._writer.nodes)}"
        outputs = [f"{name}.{index}" for index in range(len(shapes))]
        self._writer.node(kind, name, inputs, *outputs, **attributes)
        self.shapes.update(zip(outputs, map(tuple, shapes), strict=True))
        return outputs

    def ints(self, *values: int) -> str:
        """Return the name of a constant list of integers."""
        return self._writer.constant(f"ints_{'_'.join(map(str, values))}", np.array(values))

    def floats(self, *shape: int) -> str:
        """Return the name of a constant of small equal numbers."""
        name = f"floats_{'x'.join(map(str, shape))}"
        return self._writer.constant(name, np.full(shape, WEIGHT, np.float32))

    def weights(self, *shape: int) -> str:
        """Return the name of a new constant: equal weights would let a runtime merge operators."""
        count = len(self._writer.constants)
        value = np.full(shape, WEIGHT * np.float32(1 + 0.01 * count))
        return self._writer.constant(f"weights_{count}", value)

    def conv(
        self,
        x: str,
        out_channels: int,
        side: int = 1,
        stride: int = 1,
        groups: int = 1,
        act: Act = "silu",
    ) -> str:
        """Append a convolution with bias that keeps the size, divided by the stride."""
        _, channels, height, width = self.shapes[x]
        weights = self.weights(out_channels, channels // groups, side, side)
        out = self.node(
            "Conv",
            [x, weights, self.floats(out_channels)],
            (1, out_channels, -(-height // stride), -(-width // stride)),
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[side // 2] * 4,
            group=groups,
        )
        return self.act(out, act)

    def act(self, x: str, act: Act) -> str:
        """Append an activation as exporters write it."""
        if act == "none":
            return x
        if act == "relu":
            return self.same("Relu", x)
        gate = self.same("Sigmoid", x)
        return gate if act == "sigmoid" else self.same("Mul", x, gate)

    def same(self, kind: str, *inputs: str, **attributes: float | str) -> str:
        """Append a node whose output has the shape of its first input."""
        return self.node(kind, inputs, self.shapes[inputs[0]], **attributes)

    def pool(self, kind: str, x: str, side: int, stride: int = 1, pad: int | None = None) -> str:
        """Append a pool; it keeps the size at stride 1 unless `pad` says otherwise."""
        pads = side // 2 if pad is None else pad
        batch, channels, *sizes = self.shapes[x]
        height, width = ((size + 2 * pads - side) // stride + 1 for size in sizes)
        window = {"kernel_shape": [side, side], "strides": [stride, stride], "pads": [pads] * 4}
        return self.node(kind, [x], (batch, channels, height, width), **window)

    def concat(self, *inputs: str, axis: int = 1) -> str:
        """Append a concat along an axis."""
        shape = list(self.shapes[inputs[0]])
        shape[axis] = sum(self.shapes[name][axis] for name in inputs)
        return self.node("Concat", inputs, shape, axis=axis)

    def split(self, x: str, *sizes: int, axis: int = 1) -> list[str]:
        """Append a split into parts of the given sizes along an axis."""
        shapes = []
        for size in sizes:
            shape = list(self.shapes[x])
            shape[axis] = size
            shapes.append(shape)
        return self.nodes("Split", [x, self.ints(*sizes)], shapes, axis=axis)

    def crop(self, x: str, first: int, last: int, axis: int = 1) -> str:
        """Append a slice of the elements `first` to `last`, the last excluded, along an axis."""
        shape = list(self.shapes[x])
        shape[axis] = last - first
        return self.node("Slice", [x, self.ints(first), self.ints(last), self.ints(axis)], shape)

    def reshape(self, x: str, *shape: int) -> str:
        """Append a reshape; one size may be -1."""
        known = prod(size for size in shape if size > 0)
        sizes = [size if size > 0 else prod(self.shapes[x]) // known for size in shape]
        return self.node("Reshape", [x, self.ints(*sizes)], sizes)

    def transpose(self, x: str, *axes: int) -> str:
        """Append a transpose."""
        return self.node("Transpose", [x], [self.shapes[x][axis] for axis in axes], perm=axes)

    def matmul(self, x: str, y: str) -> str:
        """Append a matrix product."""
        return self.node("MatMul", [x, y], (*self.shapes[x][:-1], self.shapes[y][-1]))

    def linear(self, x: str, channels: int) -> str:
        """Append a product with constant weights and a bias, over the last axis."""
        weights = self.weights(self.shapes[x][-1], channels)
        self.shapes[weights] = (self.shapes[x][-1], channels)
        return self.same("Add", self.matmul(x, weights), self.floats(channels))

    def layer_norm(self, x: str) -> str:
        """Append a LayerNorm over the last axis."""
        scale = self.floats(self.shapes[x][-1])
        return self.same("LayerNormalization", x, scale, scale, axis=-1)

    def gelu(self, x: str) -> str:
        """Append x * (1 + erf(x / sqrt 2)) / 2, with other constants, which take the same time."""
        gate = self.same("Add", self.same("Erf", self.same("Div", x, self.floats())), self.floats())
        return self.same("Mul", self.same("Mul", x, gate), self.floats())

    def model(self, *outputs: str) -> onnx.ModelProto:
        """Return the static graph, which ends at the given tensors."""
        graph = helper.make_graph(
            self._writer.nodes,
            "module",
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name])
                for name in self._inputs
            ],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name])
                for name in outputs
            ],
            list(self._writer.constants.values()),
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[opset])
        return onnx.shape_inference.infer_shapes(model)
