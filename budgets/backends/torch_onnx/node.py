"""One node of an ONNX graph, as the conversion of an operator to torch reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from maenas.budgets.backends.backend import BackendError

Outputs = Tensor | tuple[Tensor, ...]
Make = Callable[["OnnxNode"], Callable[..., Outputs]]  # converts a node of one operator to a call


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """A node with all facts that are known before it runs.

    Attributes:
        kind: operator type.
        name: name of the node.
        opset: opset version of the model.
        attributes: attributes by name.
        constants: value of each input; None if it is not constant or omitted.
        inputs: tensor with shape and type of each input, "meta" or with values; None if omitted.
        output_count: number of outputs.
    """

    kind: str
    name: str
    opset: int
    attributes: dict[str, Any]
    constants: tuple[Tensor | None, ...]
    inputs: tuple[Tensor | None, ...]
    output_count: int

    def attribute(self, name: str, default: Any) -> Any:
        """Return an attribute, with text decoded."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def rank(self) -> int:
        """Return the number of axes of the first input."""
        return len(self.shape())

    def shape(self, index: int = 0) -> tuple[int, ...]:
        """Return the shape of an input."""
        tensor = self.inputs[index]
        if tensor is None:
            raise self.refused(f"input {index} is left out")
        return tuple(tensor.shape)

    def has(self, index: int) -> bool:
        """Whether an input is present."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def constant(self, index: int) -> list[Any] | None:
        """Return the values of a constant input as a flat list; None if the input is omitted.

        Raises:
            BackendError: if the input is computed from the graph's inputs.
        """
        if not self.has(index):
            return None
        value = self.constants[index]
        if value is None:
            raise self.refused(f"input {index} must be constant")
        return list(value.flatten().tolist())

    def numbers(self, name: str, index: int) -> list[Any] | None:
        """Return values that old opsets keep in an attribute and new ones in an input, or None."""
        if name in self.attributes:
            value = self.attributes[name]
            return list(value) if isinstance(value, list | tuple) else [value]
        return self.constant(index)

    def refused(self, reason: str) -> BackendError:
        """Return the error for an unsupported variant of an operator."""
        return BackendError(f"{self.name}: PyTorch has no such {self.kind} here: {reason}.")
