"""`maenas checks`: what works on this machine, and how far its estimates are to be trusted."""

import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace

import pytest

from maenas.budgets import device_names, load_roofline
from maenas.budgets.backends import Availability
from maenas.cli.checks import device_line, verdict
from maenas.terminal.checks import GPU_PACKAGES, run_checks


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
        useless = told["gpu"] is None and name in GPU_PACKAGES
        assert (f"{name} no GPU" if useless else how.split()[2]) in shown


def test_it_lists_the_devices_with_the_error_of_their_estimates(told, typed):
    assert [device["device"] for device in told["devices"]] == device_names()
    t4 = load_roofline("t4-trt7")
    assert {"device": "t4-trt7", "kind": "estimated", "about": t4.about} in told["devices"]
    short = typed("checks").out.splitlines()
    assert any(line.startswith("--device t4: latency estimated") for line in short)
    assert max(map(len, short)) <= 110
    shown = typed("checks", "--verbose").words
    for scale, error in t4.fit.leave_one_out.items():  # each predicted from the others
        assert f"{scale} {error:+.1f}%" in shown
        assert abs(error) <= 6
    assert t4.fit.text in shown


def test_the_last_line_says_whether_the_main_job_can_run():
    result = run_checks()
    packages = dict.fromkeys(result.packages, "1.0")
    cpu = Availability("openvino", "OpenVINO", None)
    whole = replace(result, packages=packages, runtimes=(cpu,))
    assert verdict(whole) == "searching, training and measuring on this CPU: ready"
    without = replace(cpu, why_not="OpenVINO is not installed; pip install openvino.")
    assert verdict(replace(whole, runtimes=(without,))) == (
        "searching and training on this CPU: ready; "
        "measuring: OpenVINO is not installed; pip install openvino"
    )
    bare = replace(whole, packages={**packages, "torchvision": None})
    assert verdict(bare) == (
        "searching and measuring on this CPU: ready; "
        "training: torchvision is not installed; pip install torchvision"
    )


def test_a_line_about_a_device_is_cut_but_keeps_its_warning():
    model = SimpleNamespace(device="cpu", about="measured " + 90 * "x" + "; mean error 5 %")
    cut = device_line(SimpleNamespace(**vars(model), warning=None), 40)
    assert cut == "--device cpu: latency measured " + 6 * "x" + "..."
    unreliable = device_line(SimpleNamespace(**vars(model), warning="too few samples"), 60)
    assert unreliable.endswith("x...; UNRELIABLE")
    assert len(unreliable) == 60
