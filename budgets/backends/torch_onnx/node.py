"""One node of an ONNX graph as the operators of torch read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from maenas.budgets.backends.backend import BackendError

Outputs = Tensor | tuple[Tensor, ...]
Make = Callable[["Node"], Callable[..., Outputs]]  # of an operator: from a node to a call


@dataclass(frozen=True, slots=True)
class Node:
    """A node with all that is known before it runs.

    Attributes:
        kind: operator.
        name: of the node.
        opset: version of ONNX's operators.
        attributes: by name.
        constants: value of each input, None where it is no constant or left out.
        inputs: each input with its shape and type, with or without numbers; None if left out.
        output_count: how many outputs are named.
    """

    kind: str
    name: str
    opset: int
    attributes: dict[str, Any]
    constants: tuple[Tensor | None, ...]
    inputs: tuple[Tensor | None, ...]
    output_count: int

    def attribute(self, name: str, default: Any) -> Any:
        """An attribute; text is decoded."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def rank(self) -> int:
        """Axes of the first input."""
        return len(self.shape())

    def shape(self, place: int = 0) -> tuple[int, ...]:
        """Of an input."""
        tensor = self.inputs[place]
        if tensor is None:
            raise self.refused(f"input {place} is left out")
        return tuple(tensor.shape)

    def has(self, place: int) -> bool:
        """Whether an input is there."""
        return place < len(self.inputs) and self.inputs[place] is not None

    def constant(self, place: int) -> list[Any] | None:
        """Numbers of an input that must be constant, flat; None if it is left out.

        Raises:
            BackendError: if it is computed from the graph's inputs.
        """
        if not self.has(place):
            return None
        value = self.constants[place]
        if value is None:
            raise self.refused(f"input {place} must be constant")
        return list(value.flatten().tolist())

    def numbers(self, name: str, place: int) -> list[Any] | None:
        """What old versions have as an attribute and new ones as an input; None if neither."""
        if name in self.attributes:
            value = self.attributes[name]
            return list(value) if isinstance(value, list | tuple) else [value]
        return self.constant(place)

    def refused(self, reason: str) -> BackendError:
        """What to raise for a form of an operator that is not known."""
        return BackendError(f"{self.name}: PyTorch has no such {self.kind} here: {reason}.")
