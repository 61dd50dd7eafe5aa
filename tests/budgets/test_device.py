"""Devices by name: tables of the user's, bundled estimates, tables by their path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from maenas.blocks.errors import SpecError
from maenas.budgets import DeviceError, device_names, load_device
from maenas.budgets.device import bundled_names, user_tables
from maenas.budgets.pricing.operator_model import OperatorModel
from maenas.budgets.pricing.roofline import Roofline
from maenas.budgets.pricing.table import LatencyTable
from maenas.detector import load_template
from maenas.latency.networks import published_detector
from tests.budgets.pricing.test_table import OPS, table


def saved(folder: Path, name: str) -> LatencyTable:
    made = replace(table(), name=name)
    made.save(folder / f"{name}.json")
    return made


BUNDLED = [
    "agx-orin", "agx-orin-cpu", "agx-orin-int8", "intel-8163", "orin-nano-super",
    "orin-nano-super-int8", "pi5", "rk3588", "t4", "t4-trt7", "t4-trt8",
]  # fmt: skip


def test_gpus_cpus_and_an_npu_are_bundled() -> None:
    assert device_names() == bundled_names() == BUNDLED
    assert {load_device(name).hardware for name in BUNDLED} == {"cpu", "gpu", "npu"}


@pytest.mark.parametrize("name", bundled_names())
def test_every_bundled_device_is_an_estimate_and_says_on_what(name: str) -> None:
    device = load_device(name)
    assert device.device == name
    assert device.kind == "estimated"
    assert device.about.startswith("estimated: ")
    assert "\n" not in device.about
    assert "left out of the calibration: " in device.about
    assert "%" in device.about


@pytest.mark.parametrize(
    "name", [name for name in BUNDLED if name not in ("intel-8163", "t4-trt7")]
)
def test_a_name_without_a_version_says_which_one_it_means(name: str) -> None:
    device = load_device(name)
    assert isinstance(device, Roofline | OperatorModel)
    assert f"{name} means {device.means}, " in device.brief
    assert device.means.endswith(f"-{device.precision}")
    full = load_device(device.means)
    assert full.device == device.means
    assert " means " not in full.about
    ops = list(published_detector("s").ops())
    assert full.latency_ms(ops) == device.latency_ms(ops)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_device_prices_every_published_detector(name: str) -> None:
    device = load_device(name)
    times = [
        device.latency_ms(published_detector(scale).ops()) for scale in ("ns", "t", "s", "m", "l")
    ]
    assert times == sorted(times)


def test_the_bundled_cpu_is_near_the_published_latencies() -> None:
    """Without decoding, as the report's; the worst is the one the file admits."""
    device = load_device("intel-8163")
    assert device.hardware == "cpu"
    assert device.precision == "f32"
    for scale, ms in (("ns", 4.08), ("nm", 5.05), ("nl", 6.69)):
        ops = [op for op in published_detector(scale).ops() if op.kind != "decode"]
        assert device.latency_ms(ops) == pytest.approx(ms, rel=0.06)
        assert load_template(scale).space == "mob"


def test_a_table_of_the_users_is_found_by_its_name(tables_folder: Path) -> None:
    expected = saved(tables_folder, "cpu-1t").model()
    assert device_names() == ["cpu-1t", *BUNDLED]
    found = load_device("cpu-1t")
    assert found.kind == "measured"
    assert found.latency_ms(OPS) == expected.latency_ms(OPS)


def test_a_table_comes_before_the_estimate_of_the_same_name(tables_folder: Path) -> None:
    assert load_device("t4").kind == "estimated"
    saved(tables_folder, "t4")
    assert load_device("t4").kind == "measured"
    assert device_names() == ["t4", *(name for name in BUNDLED if name != "t4")]


def test_a_table_is_found_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, "theirs")
    monkeypatch.chdir(tmp_path)
    for name in (str(tmp_path / "theirs.json"), "theirs.json", "./theirs.json"):
        assert load_device(name).device == "theirs"


def test_the_suffix_of_a_table_is_in_any_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path, "theirs")
    monkeypatch.chdir(tmp_path)
    Path("theirs.json").rename("THEIRS.JSON")
    assert load_device("THEIRS.JSON").device == "theirs"
    with pytest.raises(SpecError, match=r"^GONE\.JSON: no such file"):
        load_device("GONE.JSON")


def test_a_damaged_table_is_listed_with_why_and_refused_where_it_is_used(tables_folder) -> None:
    saved(tables_folder, "good")
    (tables_folder / "bad.json").write_text("{")
    listed = user_tables()
    assert list(listed) == ["bad", "good"]
    assert "bad.json: is cut off" in str(listed["bad"])
    assert isinstance(listed["good"], LatencyTable)
    with pytest.raises(SpecError, match=r"bad.json: is cut off"):
        load_device("bad")


@pytest.mark.parametrize("name", ["cpu", "cuda", "onnxruntime-cpu", "tensorrt"])
def test_a_device_that_can_be_measured_but_was_not_names_the_command(name: str) -> None:
    with pytest.raises(
        DeviceError, match=f"{name} was not measured .* `maenas profile --device {name}`"
    ):
        load_device(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t5", "device: no device 't5'(; did you mean t4|; known: .*t4)"),
        ("T4", r"no device 'T4'; did you mean t4\?"),
        ("t4-trt10", r"did you mean t4-trt10-f16\?"),
        ("v100", "no device 'v100'"),
        ("", "no device ''"),
        (
            "cuda:0",
            "--device names the target that latency is priced for, not where maenas computes",
        ),
    ],
)
def test_an_unknown_device_is_refused_with_those_known(name: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message) as error:
        load_device(name)
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
    assert "t4" in str(error.value).split("; ")[1]


def test_a_path_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(SpecError, match=r"../devices/t4: no such file"):
        load_device("../devices/t4")


def test_an_estimate_is_introduced_at_length_and_mentioned_in_brief() -> None:
    device = load_device("t4")
    assert device.about.startswith(f"{device.brief}; ")
    assert "%" in device.about
    assert "%" not in device.brief
    assert "TensorRT 10" in device.brief


# A precision after a colon.


def test_a_precision_after_a_colon_names_the_table_in_it(tables_folder: Path) -> None:
    for name, precision in (
        ("mine", "f32"), ("mine-int8", "int8"), ("mine-1t", "f32"), ("mine-int8-1t", "int8")
    ):  # fmt: skip
        replace(table(), name=name, precision=precision).save(tables_folder / f"{name}.json")
    assert load_device("mine:int8").device == "mine-int8"
    assert load_device("mine-1t:int8").device == "mine-int8-1t"
    assert load_device("mine:f32").device == "mine"
    assert load_device("t4:f16").device == "t4"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t4:int8", "device: t4:int8: no table or estimate in int8: t4 is in f16; `maenas profile"),
        ("t4:int9", "t4:int9: a precision follows the colon, one of f32.*did you mean int8"),
        ("t4:int8", "in int8: t4 is in f16;.*maenas calibrate ROWS.csv.*--precision int8.*--kit"),
        ("pi5:int8", "pi5 is in f32; `maenas calibrate ROWS.csv"),
        ("t5:int8", r"t5:int8: no table or estimate in int8: there is no device 't5'.* t4"),
    ],
)
def test_a_precision_without_a_table_is_refused(name: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message) as error:
        load_device(name)
    assert "\n" not in str(error.value)
