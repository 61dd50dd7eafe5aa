"""`maenas checks`: what works on this machine, and how far its estimates are to be trusted."""

import platform
from importlib.metadata import PackageNotFoundError, version

import pytest

from maenas.budgets import device_names, load_roofline


@pytest.fixture
def told(typed):
    return typed("checks", "--json").json


def test_it_tells_the_versions_installed(told):
    assert told["python"] == platform.python_version()
    for name, found in told["packages"].items():
        try:
            assert found == version(name)
        except PackageNotFoundError:
            assert found is None


def test_for_what_is_missing_it_says_how_to_get_it(told, typed):
    shown = typed("checks").words
    assert set(told["missing"]) == {name for name, found in told["packages"].items() if not found}
    for name, how in told["missing"].items():
        assert how.startswith("pip install ")
        assert name in shown
        assert how.split()[2] in shown


def test_it_lists_the_devices_with_the_error_of_their_estimates(told, typed):
    assert [device["device"] for device in told["devices"]] == device_names()
    t4 = load_roofline("t4-trt7")
    assert {"device": "t4-trt7", "kind": "estimated", "about": t4.about} in told["devices"]
    shown = typed("checks").words
    assert "--device t4: latency estimated" in shown
    for scale, error in t4.fit.leave_one_out.items():  # each predicted from the others
        assert f"{scale} {error:+.1f}%" in shown
        assert abs(error) <= 6
    assert f"mean error {t4.fit.mean_error:.1f}% on the {t4.fit.rows} networks" in shown
