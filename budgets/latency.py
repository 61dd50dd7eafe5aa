"""Interface of latency models: milliseconds of an operator, and the source of the number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal, get_args

from maenas.blocks.errors import MaenasError
from maenas.blocks.op import Op

NETWORK = "NETWORK"  # placeholder for a network in commands that error messages suggest
Precision = Literal["f32", "bf16", "f16", "int8"]
Hardware = Literal["cpu", "gpu", "npu"]


class DeviceError(MaenasError):
    """A device is unknown, or its latency model cannot price an operator."""


def split_precision(device: str) -> tuple[str, Precision | None]:
    """Return a device and the precision after its colon, as in "t4:int8"; None without one.

    Raises:
        DeviceError: if a word follows the colon that is no precision.
    """
    base, colon, word = device.rpartition(":")
    if not colon or not word.isalnum() or word.isdigit():  # C:/t4.json, cuda:0
        return device, None
    for precision in get_args(Precision):
        if word == precision:
            return base, precision
    known = get_args(Precision)
    near = get_close_matches(word, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise DeviceError(
        f"device: {device}: a precision follows the colon, one of {', '.join(known)}{hint}"
    )


def with_precision(device: str, precision: str | None) -> tuple[str, str | None]:
    """Return a device and the precision that stands after its colon or beside it.

    Raises:
        DeviceError: if the two contradict each other.
    """
    base, named = split_precision(device)
    if named is not None and precision not in (None, named):
        raise DeviceError(
            f"precision: {precision} contradicts --device {device}; leave one of them out."
        )
    return base, named or precision


class LatencyModel(ABC):
    """Latency of operators on one device at batch size 1; a network takes the sum of its operators.

    Attributes:
        device: name the user types after `--device`.
        kind: "measured" for a table of the device itself, else "estimated".
        hardware: "cpu", "gpu" or "npu".
        precision: number format that the network runs in.
        about: description for users, one line: kind of the number, its source, its error.
        provenance: runtime, processor and threads of a measured device; empty for an estimate.
        warning: reason not to trust the prices, and the remedy; None if they can be trusted.
    """

    device: str
    kind: Literal["estimated", "measured"]
    hardware: Hardware
    precision: Precision
    about: str
    provenance: Mapping[str, str | int | float | None] = MappingProxyType({})
    warning: str | None = None

    @property
    def claim(self) -> Literal["estimated", "predicted"]:
        """Word for a price: "predicted" only for a table of the device itself."""
        return "predicted" if self.kind == "measured" else "estimated"

    @property
    def brief(self) -> str:
        """`about` without the errors, for every mention after the first one in a run."""
        doubt = "" if self.warning is None else "; UNRELIABLE"
        return self.about.partition("; ")[0] + doubt

    @abstractmethod
    def op_ms(self, op: Op) -> float:
        """Return the latency of one operator in milliseconds.

        Raises:
            DeviceError: if the model has no price for this operator.
        """

    def guess(self, op: Op) -> str | None:
        """Return why a price is an extrapolation; None if it is not, or if that is unknown.

        Raises:
            DeviceError: if the model has no price for this operator.
        """
        return None

    def latency_ms(self, ops: Iterable[Op]) -> float:
        """Return the latency of a whole network in milliseconds."""
        return sum(self.op_ms(op) for op in ops)
