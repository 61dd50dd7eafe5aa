"""What an ONNX graph is collected in while it is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


class GraphWriter:
    """Nodes and constants of one ONNX graph.

    Attributes:
        nodes: in order of execution.
        constants: initialisers, one a name.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Keep a constant; one of the same name is kept already and must be equal.

        Returns its name.
        """
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(
        self, kind: str, name: str, inputs: Sequence[str], *outputs: str, **attributes: Any
    ) -> str:
        """Append a node whose output is called like itself, unless `outputs` says otherwise.

        Returns the name of the first output.
        """
        outputs = outputs or (name,)
        self.nodes.append(helper.make_node(kind, inputs, outputs, name, **attributes))
        return outputs[0]
