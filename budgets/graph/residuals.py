"""Q/DQ pairs at sums, placed so that TensorRT fuses a sum into its convolution in INT8.

TensorRT fuses `Add` into the convolution before it. The other input of the sum decides the
precision of the output: if it is float, the fused kernel writes floats, and the quantisation after
it is a kernel of its own. A pair between convolution and sum prevents the fusion altogether.

Source: "Q/DQ Layer-Placement Recommendations" in NVIDIA's guide to quantised types in TensorRT.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from maenas.budgets.graph.half import in_order

Scales = Callable[[Sequence[str]], Mapping[str, float]]


def place_residuals(model: onnx.ModelProto, scales_of: Scales, prefix: str | None = None) -> None:
    """Quantise the residual input of every sum, in place, and leave the other to its convolution.

    The input that comes from a convolution and goes nowhere else loses its pair, the later one if
    there are two. Every other input gets the pair that its tensor has for other readers, or a new
    one. Sums with a constant are biases and stay as they are.

    Args:
        model: model quantised by Q/DQ pairs with one scale a tensor and zero points of 0.
        scales_of: function that returns the scale of each tensor that needs a new pair.
        prefix: prefix of the names of nodes that stay as they are; no node if None.
    """
    placing = _Placing(model.graph, prefix)
    missing = placing.missing()
    placing.add_pairs(scales_of(missing) if missing else {})
    placing.rewire()


class _Placing:
    """The sums of one graph, and which tensor each of their inputs really is."""

    def __init__(self, graph: onnx.GraphProto, prefix: str | None) -> None:
        self.graph = graph
        self.made_by = {name: node for node in graph.node for name in node.output if name}
        self.places = {node.name: place for place, node in enumerate(graph.node)}
        self.users = Counter(name for node in graph.node for name in node.input)
        self.users.update(value.name for value in graph.output)
        constants = {constant.name for constant in graph.initializer}
        self.sums = [
            node
            for node in graph.node
            if node.op_type == "Add"
            and not (prefix is not None and node.name.startswith(prefix))
            and not constants.intersection(map(self.origin, node.input))
        ]
        self.pairs: dict[str, str] = {}  # tensor -> the same one, quantised and back
        for node in graph.node:
            if node.op_type == "DequantizeLinear" and self.origin(node.output[0]) != node.output[0]:
                self.pairs.setdefault(self.origin(node.output[0]), node.output[0])

    def origin(self, name: str) -> str:
        """The tensor before a Q/DQ pair; the tensor itself if it is behind none."""
        back = self.made_by.get(name)
        if back is None or back.op_type != "DequantizeLinear":
            return name
        forth = self.made_by.get(back.input[0])
        return forth.input[0] if forth is not None and forth.op_type == "QuantizeLinear" else name

    def fused(self, node: onnx.NodeProto) -> int | None:
        """Which input of a sum is computed by the convolution that the sum is fused into."""
        places = {}
        for index, name in enumerate(node.input):
            source = self.made_by.get(self.origin(name))
            between = (name,) if source is None or name in source.output else self._between(name)
            alone = all(self.users[each] == 1 for each in between)
            if source is not None and self._is_quantised(source) and alone:
                places[index] = self.places[source.name]
        return max(places, key=lambda index: places[index]) if places else None

    def _is_quantised(self, node: onnx.NodeProto) -> bool:
        """Whether a node is a convolution of 8-bit numbers."""
        return node.op_type == "Conv" and self.origin(node.input[0]) != node.input[0]

    def _between(self, name: str) -> tuple[str, ...]:
        """The tensors from the one before a pair to the one behind it."""
        quantised = self.made_by[name].input[0]
        return self.origin(name), quantised, name

    def missing(self) -> list[str]:
        """The tensors that need a pair and have none, in order."""
        found: dict[str, None] = {}
        for node in self.sums:
            fused = self.fused(node)
            for index, name in enumerate(node.input):
                if index != fused and self.origin(name) not in self.pairs:
                    found[name] = None
        return list(found)

    def add_pairs(self, scales: Mapping[str, float]) -> None:
        """Add a pair for each tensor."""
        for name, scale in scales.items():
            limits = [f"{name}_residual_scale", f"{name}_residual_zero"]
            values = np.array(scale, np.float32), np.array(0, np.int8)
            self.graph.initializer.extend(
                numpy_helper.from_array(np.asarray(value), limit)
                for value, limit in zip(values, limits, strict=True)
            )
            forth, back = f"{name}_residual_q", f"{name}_residual_dq"
            for kind, source, target in (("Quantize", name, forth), ("Dequantize", forth, back)):
                inputs = [source, *limits]
                self.graph.node.append(helper.make_node(f"{kind}Linear", inputs, [target], target))
            self.pairs[name] = back

    def rewire(self) -> None:
        """Connect the sums, and drop the pairs that nothing reads any more."""
        fused = [self.fused(node) for node in self.sums]
        for node, own in zip(self.sums, fused, strict=True):
            for index, name in enumerate(node.input):
                origin = self.origin(name)
                node.input[index] = origin if index == own else self.pairs[origin]
        nodes = list(self.graph.node)
        while True:
            read = {name for node in nodes for name in node.input}
            read.update(value.name for value in self.graph.output)
            kept = [n for n in nodes if not _is_pair(n) or read.intersection(n.output)]
            if len(kept) == len(nodes):
                break
            nodes = kept
        ordered = in_order(nodes)
        del self.graph.node[:]
        self.graph.node.extend(ordered)
        read = {name for node in ordered for name in node.input}
        constants = [constant for constant in self.graph.initializer if constant.name in read]
        del self.graph.initializer[:]
        self.graph.initializer.extend(constants)


def _is_pair(node: onnx.NodeProto) -> bool:
    return node.op_type in ("QuantizeLinear", "DequantizeLinear")
