"""What a network's time is spent on, so that a few multipliers can adapt a latency model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from maenas.blocks.op import Op
from maenas.budgets.arrays import Float64Array
from maenas.budgets.pricing.kernels import WORK, kernel_of, terms_of, work_of
from maenas.budgets.pricing.operator_model import Kernel, OperatorModel
from maenas.budgets.pricing.roofline import Roofline

Base = Roofline | OperatorModel
# Multipliers of a roofline, each with the coefficients that it scales, and those that it divides.
ROOFLINE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tensor": (("step_ns",), ("tensor_tmacs", "depthwise_tmacs", "pool_tops")),
    "launch": (("conv_us", "pointwise_us"), ()),
    "memory": ((), ("bandwidth_gbs", "depthwise_gbs")),
}
OPERATORS = WORK  # multipliers of operator prices
_LAUNCH, _MEMORY = 1, 2  # places of the multipliers that overlapping kernels have


@dataclass(frozen=True, slots=True)
class Shares:
    """Milliseconds of a network by multiplier.

    Attributes:
        sums: milliseconds of each multiplier.
        overlapping: (kernels, 2), milliseconds of launch and of traffic where the longer counts.
        unit_ms: milliseconds of the base model.
    """

    sums: Float64Array
    overlapping: Float64Array
    unit_ms: float

    def latency_ms(self, multipliers: Float64Array) -> float:
        """Return the latency with these multipliers."""
        pairs = self.overlapping * multipliers[[_LAUNCH, _MEMORY]] if len(self.overlapping) else 0.0
        longer = float(np.max(pairs, axis=1).sum()) if len(self.overlapping) else 0.0
        return float(self.sums @ multipliers) + longer

    @property
    def fractions(self) -> Float64Array:
        """Share of each multiplier in the latency of the base model."""
        alone = np.array(self.sums)
        if len(self.overlapping):
            longer = np.argmax(self.overlapping, axis=1)
            alone[_LAUNCH] += self.overlapping[longer == 0, 0].sum()
            alone[_MEMORY] += self.overlapping[longer == 1, 1].sum()
        found: Float64Array = alone / alone.sum()
        return found


def multipliers_of(base: Base) -> tuple[str, ...]:
    """Return the names of the multipliers of a model."""
    return tuple(ROOFLINE) if isinstance(base, Roofline) else OPERATORS


def shares_of(base: Base, ops: Sequence[Op]) -> Shares:
    """Return what the latency of a network is spent on.

    Raises:
        DeviceError: if an operator has no price.
    """
    if isinstance(base, Roofline):
        return _roofline_shares(base, ops)
    sums = np.zeros(len(OPERATORS))
    for op, count in Counter(ops).items():
        kernel = kernel_of(op)
        us = base.kernel(op).us
        for index, (price, term) in enumerate(zip(us, terms_of(op), strict=True)):
            sums[OPERATORS.index(work_of(kernel, index, len(us)))] += count * price * term / 1e3
    return Shares(sums, np.zeros((0, 2)), float(sums.sum()))


def scaled(base: Base, multipliers: Mapping[str, float]) -> Base:
    """Return the model with its parts multiplied."""
    if isinstance(base, Roofline):
        changes: dict[str, float] = {}
        for name, factor in multipliers.items():
            times, divided = ROOFLINE[name]
            changes |= {field: getattr(base, field) * factor for field in times}
            changes |= {field: getattr(base, field) / factor for field in divided}
        rounded = {field: float(f"{value:.4g}") for field, value in changes.items()}
        return replace(base, **rounded)  # type: ignore[arg-type]
    kernels = {
        kind: Kernel(
            tuple(
                us * multipliers[work_of(kind, index, len(kernel.us))]
                for index, us in enumerate(kernel.us)
            ),
            kernel.sizes,
        )
        for kind, kernel in base.kernels.items()
    }
    return replace(base, kernels=kernels)


def _roofline_shares(base: Roofline, ops: Sequence[Op]) -> Shares:
    sums, pairs, total = np.zeros(3), [], 0.0
    for op, count in Counter(ops).items():
        for piece in base.pieces(op):
            part = count * piece.share / 1e3
            sums[0] += part * piece.compute
            total += count * piece.us / 1e3
            if piece.overlaps:
                pairs.append((part * piece.launch, part * piece.memory))
            else:
                sums[_LAUNCH] += part * piece.launch
                sums[_MEMORY] += part * piece.memory
    return Shares(sums, np.array(pairs).reshape(-1, 2), total)
