"""The processor of this machine: its name, its cores, and what bears on its speed."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from maenas.budgets.backends.backend import BackendError

CPU_INFO = Path("/proc/cpuinfo")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def cpu_threads(asked: int | None) -> int:
    """Threads to use: as asked for, or as many as this process has cores.

    Raises:
        BackendError: for none, or more than there are cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if asked is not None and not 1 <= asked <= (cores or 1):
        raise BackendError(
            f"threads: must be from 1 to the {cores} cores of this machine, got {asked}."
        )
    return asked or cores or 1


def cpu_name() -> str:
    """As the maker calls it."""
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def cpu_state() -> dict[str, str | float]:
    """What bears on how fast a CPU is at the moment."""
    state: dict[str, str | float] = {"system": f"{platform.system()} {platform.release()}"}
    if GOVERNOR.is_file():
        state["governor"] = GOVERNOR.read_text(encoding="ascii").strip()
    if hasattr(os, "getloadavg"):
        state["load"] = round(os.getloadavg()[0], 2)
    return state
