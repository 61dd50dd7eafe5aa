"""Warnings about devices whose prices cannot be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from maenas.terminal.console import ERR

if TYPE_CHECKING:
    from maenas.budgets.latency import LatencyModel


def warn_of(devices: Iterable[LatencyModel | None]) -> None:
    """Print one line for each device with a warning, such as a table of a disturbed machine."""
    doubtful = [device for device in devices if device is not None and device.warning is not None]
    for line in dict.fromkeys(f"warning: {one.device}: {one.warning}" for one in doubtful):
        ERR.print(line)
