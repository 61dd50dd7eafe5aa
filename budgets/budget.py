"""Budgets as users write them: "3.8ms", "30ms@cpu", "9GMACs", "8Mparams", "2ms..8ms"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from maenas.blocks.errors import MaenasError
from maenas.blocks.files.words import did_you_mean

Quantity = Literal["latency_ms", "macs", "params", "layers", "memory_bytes"]


class BudgetError(MaenasError):
    """A budget cannot be read, or asks for something that a search does not support."""


class InfeasibleError(BudgetError):
    """No network of the space meets the budget."""

    exit_code = 3


# One multiply-accumulate counts as two FLOPs, as in the DAMO-YOLO report.
_PREFIXES = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_UNITS: dict[str, tuple[Quantity, float]] = {
    "s": ("latency_ms", 1e3),
    "ms": ("latency_ms", 1.0),
    "us": ("latency_ms", 1e-3),
    "µs": ("latency_ms", 1e-3),
    "M": ("params", 1e6),
    "K": ("params", 1e3),
    "layers": ("layers", 1.0),
    "KiB": ("memory_bytes", 2.0**10),
    "MiB": ("memory_bytes", 2.0**20),
    "GiB": ("memory_bytes", 2.0**30),
    **{f"{prefix}MACs": ("macs", scale) for prefix, scale in _PREFIXES.items()},
    **{f"{prefix}FLOPs": ("macs", scale / 2) for prefix, scale in _PREFIXES.items()},
    **{f"{prefix}params": ("params", scale) for prefix, scale in _PREFIXES.items()},
    **{f"{prefix}B": ("memory_bytes", scale) for prefix, scale in _PREFIXES.items()},
}
_GREEK_MU = ("\u03bc", "\u00b5")  # the Greek letter looks like the micro sign
_BY_LOWER = {unit.lower(): unit for unit in _UNITS if unit not in ("M", "K")}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(\S*)\s*", re.IGNORECASE)
_EXAMPLES = "3.8ms, 9GMACs, 18GFLOPs, 8Mparams, 25layers, 64MB"


@dataclass(frozen=True, slots=True)
class Budget:
    """A maximum for one quantity, with a minimum for a family of networks over a range.

    Attributes:
        quantity: limited quantity; latency is in milliseconds, memory in bytes.
        limit: maximum value.
        low: smallest budget of a range; None without a range.
        text: budget as the user wrote it.
        device: device of a latency, by the name after "@"; None for the device of the search.
        unit: unit of the text, as the table of units spells it; "" if it is not known.
    """

    quantity: Quantity
    limit: float
    text: str
    low: float | None = None
    device: str | None = None
    unit: str = field(default="", compare=False)

    @property
    def axis(self) -> str:
        """Name of the limited cost: the quantity, with the device if a latency names one."""
        return self.quantity if self.device is None else latency_axis(self.device)


def parse_budget(text: str) -> Budget:
    """Return the budget that a text describes.

    Raises:
        BudgetError: if the unit is missing or unknown, a value is not positive, or the range ends
            below its start.
    """
    amount, device = _split_device(text)
    low_text, dots, high_text = amount.partition("..")
    if not dots:
        quantity, limit, unit = _parse_value(amount, text)
        return Budget(quantity, limit, text, device=_device_of(quantity, device, text), unit=unit)
    quantity, low, _ = _parse_value(low_text, text)
    high_quantity, high, unit = _parse_value(high_text, text)
    if high_quantity != quantity or low >= high:
        raise BudgetError(
            f"budget {text!r}: a range runs from a smaller to a larger value of one quantity, "
            "as in 2ms..8ms."
        )
    return Budget(quantity, high, text, low, _device_of(quantity, device, text), unit)


def parse_budgets(texts: Sequence[str]) -> tuple[Budget, ...]:
    """Return several budgets, each for another quantity, or for a latency on another device.

    Several may be ranges if all of these are latencies: a family meets their limits in pairs, the
    smallest of one with the smallest of the others, and so on to the largest.

    Raises:
        BudgetError: if a budget is invalid, a quantity occurs twice on one device, or budgets of
            other quantities are ranges beside another range.
    """
    if not texts:
        raise BudgetError(f"budget: at least one is needed, such as {_EXAMPLES}.")
    budgets = tuple(parse_budget(text) for text in texts)
    require_once(budgets)
    ranged = {budget.quantity for budget in budgets if budget.low is not None}
    if len(ranged) > 1:
        raise BudgetError(
            f"budget: only one may be a range, or latencies on several devices, got {list(texts)}."
        )
    return budgets


def require_once(budgets: Sequence[Budget]) -> None:
    """Raise `BudgetError` if a quantity is limited twice, of a latency on one device."""
    axes = [budget.axis for budget in budgets]
    for budget in budgets:
        same = [other.text for other in budgets if other.axis == budget.axis]
        if axes.count(budget.axis) > 1:
            where = "" if budget.device is None else f" on {budget.device}"
            raise BudgetError(
                f"budget: {budget.quantity}{where} is limited twice; give one of {same}."
            )


def latency_axis(device: str) -> str:
    """Return the name of the latency on a further device among the costs of a network."""
    return f"latency_ms@{device}"


def _split_device(text: str) -> tuple[str, str | None]:
    """Return the amount and the name of the device behind "@"; None without "@"."""
    amount, at, device = text.partition("@")
    if not at:
        return text, None
    if not device.strip():
        raise BudgetError(f"budget {text!r}: a device must follow @, as in 3.8ms@t4.")
    if "@" in device and not device.endswith((".json", ".yaml")):
        raise BudgetError(f"budget {text!r}: @ and the device stand once, as in 2ms..8ms@t4.")
    return amount, device.strip()


def _device_of(quantity: Quantity, device: str | None, text: str) -> str | None:
    if device is not None and quantity != "latency_ms":
        raise BudgetError(f"budget {text!r}: only a latency has a device; leave @{device} out.")
    return device


def _parse_value(text: str, whole: str) -> tuple[Quantity, float, str]:
    match = _NUMBER.fullmatch(text.strip().replace(" params", "params"))  # as written by `show`
    if match is None:
        raise BudgetError(f"budget {whole!r}: must be a number and a unit, such as {_EXAMPLES}.")
    number, unit = float(match[1]), match[2].replace(*_GREEK_MU)
    if not unit:
        raise BudgetError(
            f"budget {whole!r}: lacks a unit; did you mean {text.strip()}ms, {text.strip()}GMACs "
            f"or {text.strip()}Mparams?"
        )
    known = unit if unit in _UNITS else _BY_LOWER.get(unit.lower())
    if known is None:
        hint = did_you_mean(unit, [*_UNITS])
        raise BudgetError(f"budget {whole!r}: no such unit {unit!r}{hint}")
    quantity, scale = _UNITS[known]
    limit = number * scale
    if not 0 < limit < inf:
        raise BudgetError(f"budget {whole!r}: must be a positive number, got {match[1]}.")
    return quantity, limit, known


def show(quantity: Quantity, value: float) -> str:
    """Return a value with its unit as text for users."""
    match quantity:
        case "latency_ms":
            return f"{value:.3f} ms"
        case "macs":
            return f"{value / 1e9:.3f} GMACs"
        case "params":
            return f"{value / 1e6:.3f} M params"
        case "layers":
            return f"{value:.0f} layers"
        case "memory_bytes":
            return f"{value / 1e6:.2f} MB"


def show_amount(budget: Budget, value: float) -> str:
    """Return a value of a budget's quantity as text, first in the user's unit where it differs.

    A unit differs if its number is not that of `show` with the decimal point moved, as with
    GFLOPs and MiB.

    Example:
        >>> show_amount(parse_budget("1.5GFLOPs"), 0.75e9)
        '1.5 GFLOPs = 0.750 GMACs'
    """
    usual = show(budget.quantity, value)
    if not budget.unit.endswith(("FLOPs", "iB")):
        return usual
    return f"{value / _UNITS[budget.unit][1]:.4g} {budget.unit} = {usual}"
