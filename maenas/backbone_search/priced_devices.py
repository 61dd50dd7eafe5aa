"""The devices that the latency budgets of a search name, each with its latency model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path

from maenas.blocks import SpecError
from maenas.budgets import Budget, BudgetError, DeviceError, LatencyModel, load_device
from maenas.budgets.budget import parse_budgets, require_once
from maenas.runs.config import SearchConfig


@dataclass(frozen=True, slots=True)
class SearchDevices:
    """The budgets of a search and the devices that price them.

    Attributes:
        budgets: budgets, ranges first; a latency names its device unless that is the first one.
        device: latency model of the first device; None without a latency and without `--device`.
        further: latency models of the other devices, by the name that the budgets give.
    """

    budgets: tuple[Budget, ...]
    device: LatencyModel | None
    further: Mapping[str, LatencyModel]


def search_devices(config: SearchConfig) -> SearchDevices:
    """The budgets of a search and the devices that price them.

    A latency is priced on the device after its "@", otherwise on that of `--device`.

    Raises:
        MaenasError: for an invalid budget, an unknown device, a device that is limited twice, or
            `--device` beside latencies that all name another one.
    """
    named = _named_budgets(config)
    names = device_names_in(config)
    require_once(named)
    if not names:
        return SearchDevices(named, None, {})
    models = {name: _loaded(name, named, config.device) for name in names}
    _require_different(models)
    labels = dict(zip(names, labels_of(names), strict=True))
    labels.pop(names[0])  # the costs of the first device have the plain name of the quantity
    return SearchDevices(
        tuple(replace(b, device=None if b.device is None else labels.get(b.device)) for b in named),
        models[names[0]],
        {label: models[name] for name, label in labels.items()},
    )


def device_names_in(config: SearchConfig) -> list[str]:
    """The devices of a search as the user wrote them; that of the first latency comes first."""
    limited = [budget.device for budget in _named_budgets(config) if budget.device is not None]
    return [*dict.fromkeys(limited)] or ([] if config.device is None else [config.device])


def _named_budgets(config: SearchConfig) -> tuple[Budget, ...]:
    """The budgets, ranges first, each latency with the name of its device.

    Raises:
        SpecError: if a latency has no device, or `--device` prices no latency.
    """
    device = config.device
    # The budgets with a range come first: the front is drawn over them.
    budgets = sorted(parse_budgets(config.budgets), key=lambda budget: budget.low is None)
    latencies = [budget for budget in budgets if budget.quantity == "latency_ms"]
    if device is None and any(budget.device is None for budget in latencies):
        raise SpecError("budget: a latency is priced on a device; add --device t4.")
    given = [budget.device for budget in latencies]
    if device is not None and given and None not in given and device not in given:
        raise SpecError(
            f"device: --device {device} prices no budget: each latency names its own device "
            f"({', '.join(budget.text for budget in latencies)}); leave --device out."
        )
    return tuple(
        replace(budget, device=budget.device or device)
        if budget.quantity == "latency_ms"
        else budget
        for budget in budgets
    )


def _loaded(name: str, budgets: Sequence[Budget], device: str | None) -> LatencyModel:
    try:
        return load_device(name)
    except DeviceError as error:
        if name == device:
            raise
        text = next(budget.text for budget in budgets if budget.device == name)
        raise DeviceError(f"budget {text!r}: {error}") from None


def _require_different(models: Mapping[str, LatencyModel]) -> None:
    """Raise `BudgetError` if two names lead to one latency model."""
    seen: dict[str, str] = {}
    for name, model in models.items():
        prices = replace(model, device="") if is_dataclass(model) else model
        other = seen.setdefault(repr(prices), name)
        if other != name:
            raise BudgetError(
                f"budget: {other} and {name} are the same device, which is limited twice; give one."
            )


def labels_of(names: Sequence[str]) -> list[str]:
    """A short name for each device: of a file its stem, unless two would be equal."""
    short = [
        Path(name).stem if os.sep in name or name.endswith((".json", ".yaml")) else name
        for name in names
    ]
    return [
        name if short.count(label) > 1 else label for name, label in zip(names, short, strict=True)
    ]
