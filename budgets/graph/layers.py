"""An ONNX graph as the fused operators that a runtime runs, without operators that cost nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

import onnx

from maenas.blocks.op import Act, Op, OpKind, Shape
from maenas.budgets.graph.gates import find_gates
from maenas.budgets.graph.kinds import (
    ACTS,
    FREE,
    PRODUCTS,
    SAME,
    SHAPES_ONLY,
    SIMPLE,
    STANDARD,
    SUMS,
    UNARY,
)
from maenas.budgets.graph.layer import Layer, Layers
from maenas.budgets.graph.nodes import (
    has_body,
    ints_of,
    map_of,
    names_of,
    shapes_of,
    strided_slices,
)

OURS = "decode/"  # prefix of the decoding nodes in maenas's own exports
OURS_SCORES = f"{OURS}scores"
OURS_LEVEL = f"{OURS}flat_distances_"
FUSE_INTO = ("conv", "deconv", "matmul", "add")  # kinds that an activation fuses into


def graph_layers(model: onnx.ModelProto) -> Layers:
    """Return the layers of a static graph (`static_graph`), fused as in TensorRT and OpenVINO.

    BatchNorm, bias and activation are fused into their convolution. A residual add is fused into
    the later of the two convolutions that it sums. `x * gate(x)` is one activation. Reshapes,
    casts, quantisation and constant subgraphs are free. Dilation does not change the cost of a
    convolution.
    """
    return _Reader(model.graph).read()


@dataclass(slots=True)
class _Building:
    """A layer under construction, which can still fuse more nodes."""

    op: Op
    nodes: list[str] = field(default_factory=list)
    source: _Building | None = None


class _Reader:
    """Builder of layers in one pass over the nodes, with the layer that made each tensor."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.shapes = shapes_of(graph)
        self.constant = {constant.name for constant in graph.initializer}
        self.made_by: dict[str, _Building] = {}
        self.reshaped: set[str] = set()  # tensors that no operator can fuse into
        self.gates = find_gates(graph, self.constant)
        self.gated = {name for gate in self.gates.values() for name in gate.nodes}
        self.users = Counter(name for node in graph.node for name in set(node.input))
        self.users.update(value.name for value in graph.output)
        self.built: list[_Building] = []
        self.decode: list[onnx.NodeProto] = []
        self.ours = any(node.name.startswith(OURS_LEVEL) for node in graph.node)
        self.unknown: Counter[str] = Counter()
        self.stand_ins: list[Layer] = []
        self.strided = strided_slices(graph)

    def read(self) -> Layers:
        """Return the layers of all nodes, in order."""
        for node in self.graph.node:
            if self._is_decoding(node):
                self.decode.append(node)
            elif node.domain not in STANDARD or has_body(node):
                self._unknown(node, f"{node.domain}.{node.op_type}".lstrip("."))
            elif node.op_type in FREE or all(n in self.constant for n in node.input if n):
                self._free(node)
            elif node.name in self.gated:
                self._same(node)
            else:
                self._node(node)
        index = {id(part): position for position, part in enumerate(self.built)}
        layers = [
            Layer(part.nodes[0], (part.op,), tuple(part.nodes), index.get(id(part.source)))
            for part in self.built
        ]
        if self.decode:
            layers.append(self._decoding())
        return Layers(tuple(layers), self.unknown, tuple(self.stand_ins))

    def _is_decoding(self, node: onnx.NodeProto) -> bool:
        name = node.name
        return self.ours and name.startswith(OURS) and not name.startswith(OURS_SCORES)

    # Operators that cost nothing.

    def _free(self, node: onnx.NodeProto) -> None:
        """Mark the outputs as constant, or as the input under another shape."""
        sources = [name for name in node.input if name]
        if node.op_type in SHAPES_ONLY or all(name in self.constant for name in sources):
            self.constant.update(node.output)
        else:
            self._same(node, fusable=False)

    def _same(self, node: onnx.NodeProto, fusable: bool = True) -> None:
        """Assign the outputs of the node to the layer of its input: the node takes no time."""
        part = self._part(node.input[0])
        if part is not None:
            part.nodes += names_of(node)
            self.made_by.update(dict.fromkeys(node.output, part))
            if not fusable or self.users[node.input[0]] > 1:
                self.reshaped.update(node.output)

    # One operator.

    def _node(self, node: onnx.NodeProto) -> None:
        kind = node.op_type
        if kind in SAME:
            self._same(node)
        elif node.name in self.gates:
            self._act(node, self.gates[node.name].source, "silu")
        elif kind in ACTS:
            self._act(node, node.input[0], ACTS[kind])
        elif kind == "BatchNormalization":
            self._with_constants(node, node.input[0])
        elif kind in UNARY:
            self._new(node, "act", act="silu")
        elif kind in SUMS or kind in PRODUCTS:
            self._elementwise(node, "add" if kind in SUMS else "mul")
        elif kind in ("Conv", "ConvTranspose"):
            self._convolution(node, "conv" if kind == "Conv" else "deconv")
        elif kind in ("MatMul", "Gemm"):
            self._matmul(node)
        elif kind in ("MaxPool", "AveragePool"):
            self._pool(node, "max_pool" if kind == "MaxPool" else "avg_pool")
        elif kind == "Concat":
            self._concat(node)
        elif kind == "Slice":
            self._new(node, "copy" if node.name in self.strided else "crop")
        elif kind in SIMPLE:
            self._new(node, SIMPLE[kind])
        else:
            self._unknown(node, kind)

    def _unknown(self, node: onnx.NodeProto, kind: str) -> None:
        """Count an operator without an `Op`, with a copy of its size if that is known."""
        self.unknown[kind] += 1
        sources = [name for name in node.input if name and name not in self.constant]
        shapes = [self._map(name) for name in (*sources[:1], node.output[0])]
        if len(shapes) == 2 and shapes[0] is not None and shapes[1] is not None:
            self.stand_ins.append(Layer(kind, (Op("copy", shapes[0], shapes[1]),), ()))

    def _new(self, node: onnx.NodeProto, kind: OpKind, **fields: object) -> None:
        """Append a layer for this node, with the shapes of its input and output."""
        shapes = self._map(self._read(node)), self._map(node.output[0])
        if shapes[0] is None or shapes[1] is None:
            self.unknown[f"{node.op_type} of unknown shape"] += 1
            return
        op = Op(kind, shapes[0], shapes[1], **fields)  # type: ignore[arg-type]
        part = _Building(op, names_of(node), self.made_by.get(self._read(node)))
        self.built.append(part)
        self.made_by.update(dict.fromkeys(node.output, part))

    def _read(self, node: onnx.NodeProto) -> str:
        """Return the first input that is not constant."""
        name: str = next(name for name in node.input if name and name not in self.constant)
        return name

    def _act(self, node: onnx.NodeProto, source: str, act: Act) -> None:
        """Fuse an activation into the layer of its input if nothing else reads that input."""
        part = self._sole(source, readers=2 if node.name in self.gates else 1)
        if part is not None and part.op.kind in FUSE_INTO and part.op.act == "none":
            self._ride(node, part, replace(part.op, act=act))
        else:
            self._new(node, "act", act=act)

    def _elementwise(self, node: onnx.NodeProto, kind: OpKind) -> None:
        """Fuse a sum into the later of its convolutions; treat one with a constant as a bias."""
        sources = [name for name in node.input if name and name not in self.constant]
        if len(sources) == 1:
            self._with_constants(node, sources[0])
            return
        shapes = {self.shapes.get(name) for name in sources}
        if kind == "add" and len(shapes) == 1:
            parts = [part for name in sources if (part := self._sole(name)) is not None]
            able = [p for p in parts if p.op.kind == "conv" and not p.op.adds]
            able = [p for p in able if p.op.act == "none"]
            if able:
                last = max(able, key=self.built.index)
                self._ride(node, last, replace(last.op, adds=True))
                return
        largest = max(sources, key=lambda name: prod(self.shapes.get(name) or (0,)))
        self._new(node, kind)
        part = self.made_by.get(node.output[0])
        shape = self._map(largest)
        if part is not None and shape is not None:
            part.op = replace(part.op, in_shape=shape)

    def _with_constants(self, node: onnx.NodeProto, source: str) -> None:
        """Fuse a bias, scale or BatchNorm into the layer of its input, or append it as a layer."""
        part = self._sole(source)
        if part is not None and part.op.kind in FUSE_INTO and part.op.act == "none":
            self._ride(node, part, part.op)
        else:
            self._new(node, "act", act="relu")

    def _ride(self, node: onnx.NodeProto, part: _Building, op: Op) -> None:
        part.op = op
        part.nodes += names_of(node)
        self.made_by.update(dict.fromkeys(node.output, part))

    def _convolution(self, node: onnx.NodeProto, kind: OpKind) -> None:
        weight = self.shapes.get(node.input[1])
        if weight is None:
            self.unknown[f"{node.op_type} with a kernel of unknown shape"] += 1
            return
        groups = ints_of(node, "group", (1,))[0]
        self._windowed(node, kind, weight[2:], groups)

    def _windowed(
        self, node: onnx.NodeProto, kind: OpKind, kernel: Sequence[int], groups: int = 1
    ) -> None:
        """Append an operator with a window; one over a row of positions is a map of height 1."""
        if len(kernel) not in (1, 2):
            self.unknown[f"{node.op_type} over {len(kernel)} axes"] += 1
            return
        strides = ints_of(node, "strides", (1,) * len(kernel))
        if len(kernel) == 2:
            sides, steps = (kernel[0], kernel[1]), (strides[0], strides[1])
        else:
            sides, steps = (1, kernel[0]), (strides[0], strides[0])
        self._new(node, kind, kernel_size=sides, stride=steps, groups=groups)
        part = self.made_by.get(node.output[0])
        if len(kernel) == 1 and part is not None:
            rows = (self.shapes[name] for name in (node.input[0], node.output[0]))
            read, written = ((row[-2], 1, row[-1]) for row in rows)
            part.op = replace(part.op, in_shape=read, out_shape=written)

    def _matmul(self, node: onnx.NodeProto) -> None:
        """Append (batch, M, K) x (K, N) as an operator (K, M, batch) -> (N, M, batch)."""
        left, out = (self.shapes.get(name) for name in (node.input[0], node.output[0]))
        if not left or not out:
            self.unknown[f"{node.op_type} of unknown shape"] += 1
            return
        inner = left[0] if ints_of(node, "transA", (0,))[0] else left[-1]
        rows = out[-2] if len(out) > 1 else 1
        batch = prod(out[:-2])
        op = Op("matmul", (inner, rows, batch), (out[-1], rows, batch))
        part = _Building(op, names_of(node), self.made_by.get(self._read(node)))
        self.built.append(part)
        self.made_by[node.output[0]] = part

    def _pool(self, node: onnx.NodeProto, kind: OpKind) -> None:
        self._windowed(node, kind, ints_of(node, "kernel_shape", ()))

    def _concat(self, node: onnx.NodeProto) -> None:
        """Append a concat that reads as much as it writes; constant inputs are rare and ignored."""
        self._new(node, "concat")
        part, shape = self.made_by.get(node.output[0]), self._map(node.output[0])
        if part is not None and shape is not None:
            part.op = replace(part.op, in_shape=shape)

    def _decoding(self) -> Layer:
        """Return the decoding of maenas's own exports: a `decode` per level, a concat of boxes."""
        names = [name for node in self.decode for name in names_of(node)]
        ops = []
        for node in self.decode:
            shape = self._map(node.input[0])
            if node.name.startswith(OURS_LEVEL) and shape:
                ops.append(Op("decode", shape, (4, *shape[1:])))
        positions = sum(op.out_shape[1] * op.out_shape[2] for op in ops)
        boxes = (4, positions, 1)
        return Layer(self.decode[0].name, (*ops, Op("concat", boxes, boxes)), tuple(names))

    # Tensors.

    def _part(self, name: str) -> _Building | None:
        return self.made_by.get(name)

    def _sole(self, name: str, readers: int = 1) -> _Building | None:
        """Return the layer that made a tensor; None if more than `readers` nodes read it."""
        if self.users[name] > readers or name in self.reshaped:
            return None
        return self.made_by.get(name)

    def _map(self, name: str) -> Shape | None:
        return map_of(self.shapes.get(name))
