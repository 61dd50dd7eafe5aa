"""Clocks, heat and throttling of an NVIDIA GPU, watched through NVML where it is installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNWATCHED = "not watched: pip install nvidia-ml-py"
PROC = Path("/proc/driver/nvidia/version")
# What slows a GPU below the clock it was told, by the bit NVML gives it (nvml.h,
# nvmlClocksEventReasons); idle, locked and display clocks are no throttling.
THROTTLES = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x10: "sync boost",
    0x20: "heat",
    0x40: "heat (hardware)",
    0x80: "power brake",
}


@dataclass(frozen=True, slots=True)
class GpuState:
    """A moment of a GPU; None for what it does not tell.

    Attributes:
        clock_mhz: of the multiprocessors.
        memory_mhz: of its memory.
        power_w: drawn.
        celsius: of the chip.
        throttles: why it is slower than told, in words of `THROTTLES`.
    """

    clock_mhz: int | None
    memory_mhz: int | None
    power_w: float | None
    celsius: int | None
    throttles: tuple[str, ...]


class GpuWatch:
    """NVML's view of one GPU.

    Args:
        nvml: the module `pynvml`, initialised.
        handle: of the GPU.
    """

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    def state(self) -> GpuState:
        """Now."""
        nvml = self._nvml
        power = self._ask("nvmlDeviceGetPowerUsage")
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons")
        if reasons is None:  # the name it had before driver 535
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        return GpuState(
            clock_mhz=self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
            memory_mhz=self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
            power_w=None if power is None else power / 1000,
            celsius=self._ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
            throttles=tuple(word for bit, word in THROTTLES.items() if (reasons or 0) & bit),
        )

    def provenance(self) -> dict[str, str | int | float]:
        """Clocks now and at most, heat and power."""
        nvml, now = self._nvml, self.state()
        told = {
            "driver": self._ask("nvmlSystemGetDriverVersion", of_device=False),
            "clock_mhz": now.clock_mhz,
            "clock_max_mhz": self._ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM),
            "clock_set_mhz": self._ask("nvmlDeviceGetApplicationsClock", nvml.NVML_CLOCK_SM),
            "memory_mhz": now.memory_mhz,
            "power_w": now.power_w,
            "power_limit_w": self._watts("nvmlDeviceGetEnforcedPowerLimit"),
            "celsius": now.celsius,
            "throttled": ", ".join(now.throttles) or "no",
        }
        return {name: _plain(value) for name, value in told.items() if value is not None}

    def _watts(self, name: str) -> float | None:
        milliwatts = self._ask(name)
        return None if milliwatts is None else milliwatts / 1000

    def _ask(self, name: str, *arguments: Any, of_device: bool = True) -> Any:
        """What a function of NVML answers; None where module, driver or GPU does not know it."""
        function = getattr(self._nvml, name, None)
        if function is None:
            return None
        device = (self._handle,) if of_device else ()
        try:
            return function(*device, *arguments)
        except self._nvml.NVMLError:
            return None


def open_watch(uuid: str) -> GpuWatch | None:
    """A watch over the GPU of this UUID; None without `nvidia-ml-py` or where NVML fails."""
    try:
        import pynvml
    except ImportError:
        return None
    name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
    try:
        pynvml.nvmlInit()
        return GpuWatch(pynvml, pynvml.nvmlDeviceGetHandleByUUID(name))
    except pynvml.NVMLError:
        return None


def throttle_warnings(before: GpuState, after: GpuState) -> tuple[str, ...]:
    """What slowed the GPU while it was measured."""
    reasons = dict.fromkeys((*before.throttles, *after.throttles))
    return (f"the GPU throttled: {', '.join(reasons)}",) if reasons else ()


def driver_version() -> str:
    """Version of NVIDIA's driver as the kernel tells it; "unknown" where it does not."""
    try:
        text = PROC.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    found = re.search(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)", text)
    return found[1] if found else "unknown"


def _plain(value: Any) -> str | int | float:
    """Old versions of the module answer in bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, int | float) else str(value)
