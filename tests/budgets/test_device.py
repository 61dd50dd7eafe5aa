"""Devices by name."""

from __future__ import annotations

import pytest

from budgets import DeviceError, device_names, load_device


def test_t4_is_bundled() -> None:
    assert "t4" in device_names()


@pytest.mark.parametrize("name", device_names())
def test_every_device_says_what_it_is_and_where_its_numbers_come_from(name: str) -> None:
    device = load_device(name)
    assert device.device == name
    assert device.kind in ("estimated", "measured")
    assert device.kind in device.about and "\n" not in device.about


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t5", "device: no device 't5'(; did you mean t4|; known: .*t4)"),
        ("T4", "no device 'T4'"),
        ("v100", "no device 'v100'"),
        ("", "no device ''"),
        ("../devices/t4", "no device '../devices/t4'"),
        (
            "cuda:0",
            "--device names the target that latency is priced for, not where maenas computes",
        ),
    ],
)
def test_an_unknown_device_is_refused_with_those_known(name: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message) as error:
        load_device(name)
    assert error.value.exit_code == 2 and "\n" not in str(error.value)
    assert "t4" in str(error.value).split("; ")[1]
