"""The CPU of this machine: its name, its cores, and the settings that affect its speed."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from maenas.budgets.backends.backend import BackendError

CPU_INFO = Path("/proc/cpuinfo")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def cpu_threads(asked: int | None) -> int:
    """Return the number of threads to use: the requested one, or one per core of this process.

    Raises:
        BackendError: if the number is below 1 or above the number of cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if asked is not None and not 1 <= asked <= (cores or 1):
        raise BackendError(
            f"threads: must be from 1 to the {cores} cores of this machine, got {asked}."
        )
    return asked or cores or 1


def cpu_name() -> str:
    """Return the manufacturer's name of the CPU."""
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def cpu_state() -> dict[str, str | float]:
    """Return system, settings and load, which affect the present speed of the CPU."""
    state: dict[str, str | float] = {"system": f"{platform.system()} {platform.release()}"}
    if GOVERNOR.is_file():
        state["governor"] = GOVERNOR.read_text(encoding="ascii").strip()
    if hasattr(os, "getloadavg"):
        state["load"] = round(os.getloadavg()[0], 2)
    return state
