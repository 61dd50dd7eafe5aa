"""A GPU's clocks and throttling are read through NVML, of any driver, and are not missed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from maenas.budgets.backends import nvml
from maenas.budgets.backends.nvml import GpuState, driver_version, open_watch, throttle_warnings


class FakeError(Exception):
    """NVML's own error class."""


class FakeNvml(SimpleNamespace):
    """The few functions of `pynvml` that are asked, for a T4 held back by its power cap."""

    NVMLError = FakeError
    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self, reasons: int = 0x1) -> None:
        super().__init__(reasons=reasons, opened="")

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        self.opened = uuid
        return "handle"

    def nvmlDeviceGetClockInfo(self, handle: str, kind: int) -> int:
        assert handle == "handle"
        return {1: 1590, 2: 5001}[kind]

    def nvmlDeviceGetMaxClockInfo(self, handle: str, kind: int) -> int:
        return 1590

    def nvmlDeviceGetApplicationsClock(self, handle: str, kind: int) -> int:
        raise FakeError("not supported")

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        return 69_500

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: str) -> int:
        return 70_000

    def nvmlDeviceGetTemperature(self, handle: str, sensor: int) -> int:
        return 81

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: str) -> int:
        return int(self.reasons)

    def nvmlSystemGetDriverVersion(self) -> bytes:
        return b"535.129.03"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    module = FakeNvml(0x1 | 0x4 | 0x20)  # idle is no throttling
    monkeypatch.setitem(sys.modules, "pynvml", module)  # type: ignore[arg-type]
    return module


def test_the_state_is_in_megahertz_watts_and_degrees(fake: FakeNvml) -> None:
    watch = open_watch("11111111-2222")
    assert watch is not None
    assert fake.opened == "GPU-11111111-2222"
    assert watch.state() == GpuState(1590, 5001, 69.5, 81, ("power cap", "heat"))


def test_provenance_leaves_out_what_the_gpu_does_not_tell(fake: FakeNvml) -> None:
    watch = open_watch("GPU-1")
    assert watch is not None
    assert fake.opened == "GPU-1"
    told = watch.provenance()
    assert told["driver"] == "535.129.03"
    assert told["throttled"] == "power cap, heat"
    assert told["power_limit_w"] == 70.0
    assert told["clock_max_mhz"] == 1590
    assert "clock_set_mhz" not in told


def test_new_drivers_are_asked_by_the_new_name(fake: FakeNvml) -> None:
    fake.nvmlDeviceGetCurrentClocksEventReasons = lambda handle: 0x80
    watch = open_watch("GPU-1")
    assert watch is not None
    assert watch.state().throttles == ("power brake",)


def test_throttling_before_or_after_spoils_a_run() -> None:
    def state(*reasons: str) -> GpuState:
        return GpuState(None, None, None, None, reasons)

    assert throttle_warnings(state(), state()) == ()
    assert throttle_warnings(state("heat"), state("heat", "power cap")) == (
        "the GPU throttled: heat, power cap",
    )


def test_without_the_package_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    assert open_watch("GPU-1") is None


def test_where_nvml_fails_nothing_is_watched(fake: FakeNvml) -> None:
    def fail() -> Any:
        raise FakeError("driver not loaded")

    fake.nvmlInit = fail  # type: ignore[method-assign]
    assert open_watch("GPU-1") is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu\nGCC", "535.129.03"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Rel", "580.65.06"),
        ("something else", "unknown"),
        (None, "unknown"),
    ],
)  # fmt: skip
def test_the_driver_is_read_from_the_kernel(
    text: str | None, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        (tmp_path / "version").write_text(text)
    monkeypatch.setattr(nvml, "PROC", tmp_path / "version")
    assert driver_version() == version
