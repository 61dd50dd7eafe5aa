"""Devices by the name a user types after `--device`."""

from __future__ import annotations

from blocks.strict import did_you_mean
from budgets.latency import DeviceError, LatencyModel
from budgets.roofline import load_roofline, roofline_names


def load_device(name: str) -> LatencyModel:
    """The latency model of a device.

    Raises:
        DeviceError: for a device nobody has measured or estimated.
    """
    if name not in device_names():
        raise DeviceError(
            f"device: no device {name!r}{did_you_mean(name, device_names())}; --device names the "
            "target that latency is priced for, not where maenas computes."
        )
    return load_roofline(name)


def device_names() -> list[str]:
    """Devices that can be named."""
    return roofline_names()
