"""Clocks, temperature and throttling of an NVIDIA GPU, read through NVML if it is installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNWATCHED = "not watched: pip install nvidia-ml-py"
PROC = Path("/proc/driver/nvidia/version")
# Reasons for a clock below the requested one, by NVML's bit (nvml.h, nvmlClocksEventReasons);
# idle, locked and display clocks do not count as throttling.
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
    """State of a GPU at one moment; a value is None if the GPU does not report it.

    Attributes:
        clock_mhz: clock of the multiprocessors, in MHz.
        memory_mhz: clock of the memory, in MHz.
        power_w: power draw, in watts.
        celsius: temperature of the chip, in degrees Celsius.
        throttles: reasons for throttling, as named in `THROTTLES`.
    """

    clock_mhz: int | None
    memory_mhz: int | None
    power_w: float | None
    celsius: int | None
    throttles: tuple[str, ...]


class GpuWatch:
    """Reader of one GPU's state through NVML.

    Args:
        nvml: the module `pynvml`, initialised.
        handle: NVML handle of the GPU.
    """

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    def state(self) -> GpuState:
        """Return the present state."""
        nvml = self._nvml
        power = self._ask("nvmlDeviceGetPowerUsage")
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons")
        if reasons is None:  # name before driver 535
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        return GpuState(
            clock_mhz=self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
            memory_mhz=self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
            power_w=None if power is None else power / 1000,
            celsius=self._ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
            throttles=tuple(word for bit, word in THROTTLES.items() if (reasons or 0) & bit),
        )

    def provenance(self) -> dict[str, str | int | float]:
        """Return present and maximum clocks, temperature and power."""
        nvml, now = self._nvml, self.state()
        readings = {
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
        return {name: _plain(value) for name, value in readings.items() if value is not None}

    def _watts(self, name: str) -> float | None:
        milliwatts = self._ask(name)
        return None if milliwatts is None else milliwatts / 1000

    def _ask(self, name: str, *arguments: Any, of_device: bool = True) -> Any:
        """Call a function of NVML; None if the module, driver or GPU does not support it."""
        function = getattr(self._nvml, name, None)
        if function is None:
            return None
        device = (self._handle,) if of_device else ()
        try:
            return function(*device, *arguments)
        except self._nvml.NVMLError:
            return None


def open_watch(uuid: str) -> GpuWatch | None:
    """Return the reader of the GPU with this UUID; None without `nvidia-ml-py` or if NVML fails."""
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
    """Return a warning if the GPU throttled before or after a measurement."""
    reasons = dict.fromkeys((*before.throttles, *after.throttles))
    return (f"the GPU throttled: {', '.join(reasons)}",) if reasons else ()


def driver_version() -> str:
    """Return the version of NVIDIA's driver as the kernel reports it, or "unknown"."""
    try:
        text = PROC.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    found = re.search(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)", text)
    return found[1] if found else "unknown"


def _plain(value: Any) -> str | int | float:
    """Return a value as text or number; old versions of the module return bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, int | float) else str(value)
