"""What a list of operators costs, in every quantity a budget can limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maenas.blocks.op import Op
from maenas.budgets.latency import LatencyModel

BYTES_PER_ELEMENT = 2  # half precision, as deployed


@dataclass(frozen=True, slots=True)
class Cost:
    """Sums over operators, batch 1; memory is the largest of them.

    Attributes:
        latency_ms: on the device, 0 without one.
        macs: multiply-accumulates of the convolutions.
        params: weights, re-parameterised convolutions merged and BatchNorms counted.
        memory_bytes: most memory one operator needs for what it reads and writes, in half
            precision. Maps kept for later operators are not counted.
    """

    latency_ms: float
    macs: int
    params: int
    memory_bytes: int


def cost(ops: Iterable[Op], device: LatencyModel | None) -> Cost:
    """The cost of a network, or of any part of it."""
    listed = list(ops)
    return Cost(
        latency_ms=device.latency_ms(listed) if device else 0.0,
        macs=sum(op.macs for op in listed),
        params=sum(op.params for op in listed),
        memory_bytes=BYTES_PER_ELEMENT * max((op.working_set for op in listed), default=0),
    )
