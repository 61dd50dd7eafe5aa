"""What a latency model is: milliseconds for one operator, and where the number comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from maenas.blocks.errors import MaenasError
from maenas.blocks.op import Op

NETWORK = "NETWORK"  # stands for a network in the command that a device's errors advise
Precision = Literal["f32", "bf16", "f16", "int8"]


class DeviceError(MaenasError):
    """A device is unknown, or its latency model cannot price an operator."""


class LatencyModel(ABC):
    """Prices operators on one device, batch 1; a network takes the sum of its operators.

    Attributes:
        device: name the user types after `--device`.
        kind: "measured" for a table of the device itself, else "estimated".
        hardware: "cpu" or "gpu".
        precision: the network is run in.
        about: one line for people: what the number is, its source, its error.
        provenance: of a measured device: runtime, processor, threads; empty for an estimate.
        warning: why its prices must not be trusted, and the remedy; None if they may be.
    """

    device: str
    kind: Literal["estimated", "measured"]
    hardware: Literal["cpu", "gpu"]
    precision: Precision
    about: str
    provenance: Mapping[str, str | int | float | None] = MappingProxyType({})
    warning: str | None = None

    @property
    def claim(self) -> Literal["estimated", "predicted"]:
        """What to call a price: only a table of the device itself predicts."""
        return "predicted" if self.kind == "measured" else "estimated"

    @property
    def brief(self) -> str:
        """`about` without the error figures, for every mention after the first in a run."""
        doubt = "" if self.warning is None else "; UNRELIABLE"
        return self.about.partition("; ")[0] + doubt

    @abstractmethod
    def op_ms(self, op: Op) -> float:
        """Milliseconds one operator takes.

        Raises:
            DeviceError: if the model knows nothing about such an operator.
        """

    def guess(self, op: Op) -> str | None:
        """Why a price lies beyond what the model is based on; None if it does not, or is unknown.

        Raises:
            DeviceError: as `op_ms`.
        """
        return None

    def latency_ms(self, ops: Iterable[Op]) -> float:
        """Milliseconds a whole network takes."""
        return sum(self.op_ms(op) for op in ops)
