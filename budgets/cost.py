"""Cost of a list of operators, in every quantity that a budget can limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        further_ms: milliseconds on each further device; () for one device.
    """

    latency_ms: float
    macs: int
    params: int
    memory_bytes: int
    further_ms: tuple[float, ...] = ()


class CostTable:
    """Costs of lists of operators, where the cost of each operator is computed once.

    A search prices a hundred thousand operators of which a few thousand differ.
    """

    def __init__(self, device: LatencyModel | None, further: Sequence[LatencyModel] = ()) -> None:
        self._device = device
        self._further = tuple(further)
        self._known: dict[Op, Cost] = {}

    def __call__(self, ops: Iterable[Op]) -> Cost:
        """Return the cost of a network or of a part of it."""
        latency_ms, macs, params, memory_bytes = 0.0, 0, 0, 0
        further_ms = [0.0] * len(self._further)
        for op in ops:
            one = self._known.get(op)
            if one is None:
                one = self._known[op] = self._cost(op)
            latency_ms += one.latency_ms
            macs += one.macs
            params += one.params
            memory_bytes = max(memory_bytes, one.memory_bytes)
            for index, ms in enumerate(one.further_ms):
                further_ms[index] += ms
        return Cost(latency_ms, macs, params, memory_bytes, tuple(further_ms))

    def _cost(self, op: Op) -> Cost:
        return Cost(
            latency_ms=self._device.op_ms(op) if self._device else 0.0,
            macs=op.macs,
            params=op.params,
            memory_bytes=BYTES_PER_ELEMENT * op.working_set,
            further_ms=tuple(device.op_ms(op) for device in self._further),
        )


def cost(
    ops: Iterable[Op], device: LatencyModel | None, further: Sequence[LatencyModel] = ()
) -> Cost:
    """Return the cost of a network or of a part of it."""
    return CostTable(device, further)(ops)
