"""Warnings about devices whose prices cannot be trusted."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

LOG = logging.getLogger(__name__)


class Priced(Protocol):
    """A latency model, or a latency that was predicted by one."""

    @property
    def device(self) -> str:
        """Name of the device."""

    @property
    def warning(self) -> str | None:
        """Reason not to trust the prices, and the remedy; None if they can be trusted."""


def warn_of(devices: Iterable[Priced | None]) -> None:
    """Print one line for each device with a warning, such as a table of a disturbed machine."""
    doubtful = [device for device in devices if device is not None and device.warning is not None]
    for line in dict.fromkeys(f"{one.device}: {one.warning}" for one in doubtful):
        LOG.warning(line)
