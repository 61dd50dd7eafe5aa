"""Cost of a list of operators, in every quantity that a budget can limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maenas.blocks.op import Op
from maenas.budgets.latency import LatencyModel

BYTES_PER_ELEMENT = 2  # half precision, as deployed


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost at batch size 1: sums over operators, except memory, which is a maximum.

    Attributes:
        latency_ms: milliseconds on the device, 0 without a device.
        macs: multiply-accumulates of the convolutions.
        params: number of params, with re-parameterised convolutions merged and BatchNorms counted.
        memory_bytes: largest input plus output of one operator, in half precision. Feature maps
            kept for later operators are not counted.
    """

    latency_ms: float
    macs: int
    params: int
    memory_bytes: int


def cost(ops: Iterable[Op], device: LatencyModel | None) -> Cost:
    """Return the cost of a network or of a part of it."""
    listed = list(ops)
    return Cost(
        latency_ms=device.latency_ms(listed) if device else 0.0,
        macs=sum(op.macs for op in listed),
        params=sum(op.params for op in listed),
        memory_bytes=BYTES_PER_ELEMENT * max((op.working_set for op in listed), default=0),
    )
