"""ONNX graphs as ncnn `.param` files, which name operators and sizes but hold no weights.

`benchncnn` fills the weights itself, so the file of operators is all that a measurement needs. The
layout of layers and keys is that of ncnn's developer guide (docs/developer-guide/operators.md).
"""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from math import prod

import onnx
from onnx import numpy_helper

from maenas.budgets.graph.inputs import GraphError
from maenas.budgets.graph.nodes import ints_of, shapes_of

MAGIC = "7767517"
AXES = {2: "wh", 3: "whc", 4: "whdc"}  # axes of a tensor without batch, innermost first
# Order of axes -> number of ncnn's Permute; it counts them in an order of its own.
ORDERS: dict[str, int] = {
    "wh": 0, "hw": 1,
    "whc": 0, "hwc": 1, "wch": 2, "cwh": 3, "hcw": 4, "chw": 5,
    "whdc": 0, "hwdc": 1, "wdhc": 2, "dwhc": 3, "hdwc": 4, "dhwc": 5, "whcd": 6, "hwcd": 7,
    "wchd": 8, "cwhd": 9, "hcwd": 10, "chwd": 11, "wdch": 12, "dwch": 13, "wcdh": 14, "cwdh": 15,
    "dcwh": 16, "cdwh": 17, "hdcw": 18, "dhcw": 19, "hcdw": 20, "chdw": 21, "dchw": 22, "cdhw": 23,
}  # fmt: skip
BINARY = {"Add": 0, "Sub": 1, "Mul": 2, "Div": 3, "Pow": 6}
REVERSED = {"Sub": 7, "Div": 8, "Pow": 9}  # constant first
UNARY = {"Relu": "ReLU", "Sigmoid": "Sigmoid", "Identity": "Noop"}
assert {len(name) for name in ORDERS} == {2, 3, 4}
assert set(ORDERS) == {"".join(p) for axes in AXES.values() for p in permutations(axes)}


def ncnn_param(model: onnx.ModelProto) -> str:
    """Return a static graph as the text of a `.param` file with one input and one output.

    Raises:
        GraphError: if it has an operator or a form that ncnn's layers do not have.
    """
    return _Writer(model.graph).text()


class _Writer:
    """Layers of one file; a tensor that is read several times is split, as ncnn demands."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._shapes = shapes_of(graph)
        self._constants = {one.name: one for one in graph.initializer}
        self._layers: list[tuple[str, str, list[str], list[str], str]] = []
        self._gates = _silu_gates(graph)
        self._flat: set[str] = set()  # vectors that global pools leave in place of (C, 1, 1)

    def text(self) -> str:
        inputs = [one for one in self._graph.input if one.name not in self._constants]
        if len(inputs) != 1:
            raise GraphError(f"ncnn: benchncnn fills one input, the graph has {len(inputs)}")
        self._add("Input", inputs[0].name, [], [inputs[0].name], _size(self._dims(inputs[0].name)))
        for node in self._graph.node:
            if node.name not in self._gates.values():
                self._node(node)
        outputs = [one.name for one in self._graph.output]
        self._add("Noop", "output", outputs, ["output"])  # so that all of them are computed
        layers = list(self._split())
        blobs = sum(len(written) for _, _, _, written, _ in layers)
        lines = [
            f"{kind:<24} {name:<24} {len(read)} {len(written)} {' '.join([*read, *written])} {keys}"
            for kind, name, read, written, keys in layers
        ]
        return "\n".join([MAGIC, f"{len(layers)} {blobs}", *map(str.rstrip, lines)]) + "\n"

    def _add(
        self, kind: str, name: str, read: list[str], written: list[str], keys: str = ""
    ) -> None:
        self._layers.append((kind, name.replace(" ", "_"), read, written, keys))

    def _split(self) -> list[tuple[str, str, list[str], list[str], str]]:
        """Return the layers with a Split behind each tensor that is read more than once."""
        reads = Counter(name for _, _, read, _, _ in self._layers for name in read)
        taken: Counter[str] = Counter()
        found = []
        for kind, name, read, written, keys in self._layers:
            renamed = []
            for each in read:
                renamed.append(f"{each}_s{taken[each]}" if reads[each] > 1 else each)
                taken[each] += 1
            found.append((kind, name, renamed, written, keys))
            for each in written:
                if reads[each] > 1:
                    copies = [f"{each}_s{index}" for index in range(reads[each])]
                    found.append(("Split", f"split_{each}", [each], copies, ""))
        return found

    def _node(self, node: onnx.NodeProto) -> None:
        kind, name = node.op_type, node.name
        if len(node.input) == 1 and node.input[0] in self._flat:
            self._flat.add(node.output[0])
        read, written = list(node.input), list(node.output)
        if name in self._gates:  # a product of x with its sigmoid
            gate = next(one for one in self._graph.node if one.name == self._gates[name])
            self._add("Swish", name, [gate.input[0]], written)
        elif kind in UNARY:
            self._add(UNARY[kind], name, read, written)
        elif kind in BINARY:
            self._binary(node)
        else:
            writer = getattr(self, f"_{kind.lower()}" if kind != "Split" else "_split_node", None)
            if writer is None:
                raise GraphError(f"ncnn: has no layer for {kind}")
            writer(node)

    def _binary(self, node: onnx.NodeProto) -> None:
        number = BINARY[node.op_type]
        for other, each in enumerate(node.input):
            constant = self._constants.get(each)
            if constant is not None and prod(constant.dims) == 1:
                value = float(numpy_helper.to_array(constant).ravel()[0])
                operator = REVERSED.get(node.op_type, number) if other == 0 else number
                keys = f"0={operator} 1=1 2={value:e}"
                self._add("BinaryOp", node.name, [node.input[1 - other]], [*node.output], keys)
                return
        self._add("BinaryOp", node.name, self._data(node), [*node.output], f"0={number}")

    def _data(self, node: onnx.NodeProto) -> list[str]:
        """Return the inputs of a node, with layers that hold its constants."""
        ranks = [len(self._shapes.get(each, ())) for each in node.input]
        for index, each in enumerate(node.input):
            if each in self._constants and not any(each in layer[3] for layer in self._layers):
                dims = tuple(self._constants[each].dims)
                batch = int(len(dims) == max(ranks) and len(dims) > 1 and dims[0] == 1)
                name = f"{node.name}_{index}"
                self._add("MemoryData", name, [], [each], _size(dims[batch:]))
        return list(node.input)

    def _dims(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor in ncnn, which has no axis for a batch of 1."""
        return self._shapes[name][self._batch(name) :]

    def _batch(self, name: str) -> int:
        """Return how many leading axes a tensor lacks in ncnn: 1 for a batch of 1, else 0."""
        shape = self._shapes.get(name)
        if shape is None:
            raise GraphError(f"ncnn: {name} has no known shape")
        return int(len(shape) > 1 and shape[0] == 1)

    def _axis(self, node: onnx.NodeProto, default: int) -> int:
        rank = len(self._shapes[node.input[0]])
        return ints_of(node, "axis", (default,))[0] % rank - self._batch(node.input[0])

    def _window(self, node: onnx.NodeProto, sides: tuple[int, ...]) -> str:
        """Return the keys of kernel, dilation, strides and pads of a convolution."""
        dilations = ints_of(node, "dilations", (1, 1))
        strides = ints_of(node, "strides", (1, 1))
        top, left, bottom, right = ints_of(node, "pads", (0, 0, 0, 0))
        return (
            f"1={sides[1]} 11={sides[0]} 2={dilations[1]} 12={dilations[0]} 3={strides[1]} "
            f"13={strides[0]} 4={left} 14={top} 15={right} 16={bottom}"
        )

    def _conv(self, node: onnx.NodeProto) -> None:
        dims = tuple(self._constants[node.input[1]].dims)
        groups = ints_of(node, "group", (1,))[0]
        bias = int(len(node.input) > 2)
        if node.input[0] in self._flat:
            self._flat.add(node.output[0])
            keys = f"0={dims[0]} 1={bias} 2={prod(dims)}"
            self._add("InnerProduct", node.name, [node.input[0]], [*node.output], keys)
            return
        keys = f"0={dims[0]} {self._window(node, dims[2:])} 5={bias} 6={prod(dims)}"
        kind = "Convolution" if groups == 1 else "ConvolutionDepthWise"
        self._add(kind, node.name, [node.input[0]], [*node.output],
                  keys if groups == 1 else f"{keys} 7={groups}")  # fmt: skip

    def _convtranspose(self, node: onnx.NodeProto) -> None:
        dims = tuple(self._constants[node.input[1]].dims)
        groups = ints_of(node, "group", (1,))[0]
        more = ints_of(node, "output_padding", (0, 0))
        keys = f"0={dims[1] * groups} {self._window(node, dims[2:])} 5={int(len(node.input) > 2)}"
        keys += f" 6={prod(dims)} 18={more[1]} 19={more[0]}"
        kind = "Deconvolution" if groups == 1 else "DeconvolutionDepthWise"
        self._add(kind, node.name, [node.input[0]], [*node.output],
                  keys if groups == 1 else f"{keys} 7={groups}")  # fmt: skip

    def _maxpool(self, node: onnx.NodeProto, kind: int = 0) -> None:
        sides, strides = ints_of(node, "kernel_shape", (1, 1)), ints_of(node, "strides", (1, 1))
        top, left, bottom, right = ints_of(node, "pads", (0, 0, 0, 0))
        keys = (
            f"0={kind} 1={sides[1]} 11={sides[0]} 2={strides[1]} 12={strides[0]} 3={left} "
            f"13={top} 14={right} 15={bottom} 5=1 6={ints_of(node, 'count_include_pad', (0,))[0]}"
        )
        self._add("Pooling", node.name, [*node.input], [*node.output], keys)

    def _averagepool(self, node: onnx.NodeProto) -> None:
        self._maxpool(node, 1)

    def _globalaveragepool(self, node: onnx.NodeProto) -> None:
        self._flat.add(node.output[0])
        self._add("Pooling", node.name, [*node.input], [*node.output], "0=1 4=1")

    def _concat(self, node: onnx.NodeProto) -> None:
        keys = f"0={self._axis(node, 1)}"
        self._add("Concat", node.name, self._data(node), [*node.output], keys)

    def _softmax(self, node: onnx.NodeProto) -> None:
        self._add("Softmax", node.name, [*node.input], [*node.output],
                  f"0={self._axis(node, -1)} 1=1")  # fmt: skip

    def _split_node(self, node: onnx.NodeProto) -> None:
        axis = self._axis(node, 0)
        sizes = [self._dims(name)[axis] for name in node.output]
        keys = f"-23300={len(sizes)},{','.join(map(str, sizes))} 1={axis}"
        self._add("Slice", node.name, [node.input[0]], [*node.output], keys)

    def _slice(self, node: onnx.NodeProto) -> None:
        values = [numpy_helper.to_array(self._constants[name]).tolist() for name in node.input[1:]]
        if len(values) < 3 or (len(values) > 3 and set(values[3]) != {1}):
            raise GraphError("ncnn: crops with steps have no layer")
        rank = len(self._shapes[node.input[0]])
        axes = [axis % rank - self._batch(node.input[0]) for axis in values[2]]
        lists = {"-23309": values[0], "-23310": values[1], "-23311": axes}
        keys = " ".join(
            f"{key}={len(each)},{','.join(map(str, each))}" for key, each in lists.items()
        )
        self._add("Crop", node.name, [node.input[0]], [*node.output], keys)

    def _reshape(self, node: onnx.NodeProto) -> None:
        self._add("Reshape", node.name, [node.input[0]], [*node.output],
                  _size(self._dims(node.output[0])))  # fmt: skip

    def _transpose(self, node: onnx.NodeProto) -> None:
        perm = ints_of(node, "perm", ())
        batch = self._batch(node.input[0])
        rank = len(perm) - batch
        if rank not in AXES or (batch and perm[0] != 0):
            raise GraphError(f"ncnn: has no transpose of axes {perm}")
        outermost = AXES[rank][::-1]  # ONNX counts axes from the outermost
        order = "".join(outermost[axis - batch] for axis in perm[batch:])[::-1]
        self._add("Permute", node.name, [*node.input], [*node.output], f"0={ORDERS[order]}")

    def _resize(self, node: onnx.NodeProto) -> None:
        come, out = self._shapes[node.input[0]], self._shapes[node.output[0]]
        keys = f"0=1 1={out[2] / come[2]:e} 2={out[3] / come[3]:e}"
        self._add("Interp", node.name, [node.input[0]], [*node.output], keys)

    def _matmul(self, node: onnx.NodeProto) -> None:
        self._add("MatMul", node.name, self._data(node), [*node.output], "0=0")

    def _spacetodepth(self, node: onnx.NodeProto) -> None:
        keys = f"0={ints_of(node, 'blocksize', (2,))[0]} 1=1"
        self._add("Reorg", node.name, [*node.input], [*node.output], keys)

    def _hardswish(self, node: onnx.NodeProto) -> None:
        keys = f"0={1 / 6:e} 1=5.000000e-01"
        self._add("HardSwish", node.name, [*node.input], [*node.output], keys)

    def _hardsigmoid(self, node: onnx.NodeProto) -> None:
        keys = "0=2.000000e-01 1=5.000000e-01"
        self._add("HardSigmoid", node.name, [*node.input], [*node.output], keys)

    def _leakyrelu(self, node: onnx.NodeProto) -> None:
        self._add("ReLU", node.name, [*node.input], [*node.output], "0=1.000000e-01")

    def _layernormalization(self, node: onnx.NodeProto) -> None:
        keys = f"0={self._shapes[node.input[0]][-1]} 1=1.000000e-05 2=1"
        self._add("LayerNorm", node.name, [node.input[0]], [node.output[0]], keys)

    def _instancenormalization(self, node: onnx.NodeProto) -> None:
        keys = f"0={self._shapes[node.input[0]][1]} 1=1.000000e-05 2=1"
        self._add("InstanceNorm", node.name, [node.input[0]], [*node.output], keys)


def _size(dims: tuple[int, ...]) -> str:
    """Return the keys of a tensor's size."""
    if not 1 <= len(dims) <= 4:
        raise GraphError(f"ncnn: has no tensors of shape {list(dims)}")
    keys = {1: (0,), 2: (0, 1), 3: (0, 1, 2), 4: (0, 1, 11, 2)}[len(dims)]  # innermost first
    return " ".join(f"{key}={size}" for key, size in zip(keys, dims[::-1], strict=True))


def _silu_gates(graph: onnx.GraphProto) -> dict[str, str]:
    """Return products of a tensor with its own sigmoid, each with the node of the sigmoid."""
    reads = Counter(name for node in graph.node for name in node.input)
    sigmoids = {node.output[0]: node for node in graph.node if node.op_type == "Sigmoid"}
    found = {}
    for node in graph.node:
        if node.op_type != "Mul":
            continue
        for gate, other in (node.input, reversed(node.input)):
            made = sigmoids.get(gate)
            if made is not None and made.input[0] == other and reads[gate] == 1:
                found[node.name] = made.name
    return found
