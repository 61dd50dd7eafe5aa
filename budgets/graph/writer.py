"""Writer that collects the nodes and constants of an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

WEIGHT = np.float32(0.01)  # value of every weight: it does not change the latency


class GraphWriter:
    """Nodes and constants of one ONNX graph.

    Attributes:
        nodes: nodes in order of execution.
        constants: initialisers by name.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant and return its name; an existing constant of that name must be equal."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(
        self, kind: str, name: str, inputs: Sequence[str], *outputs: str, **attributes: Any
    ) -> str:
        """Append a node and return the name of its first output.

        The output has the name of the node unless `outputs` is given.
        """
        outputs = outputs or (name,)
        self.nodes.append(helper.make_node(kind, inputs, outputs, name, **attributes))
        return outputs[0]
