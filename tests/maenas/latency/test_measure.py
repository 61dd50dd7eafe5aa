"""`maenas measure` on the processor at hand: what it says, not how fast it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from maenas.blocks import MaenasError
from maenas.budgets.backends import Target
from maenas.budgets.device import find_table
from maenas.budgets.graph import static_graph
from maenas.budgets.graph.half import to_half
from maenas.budgets.graph.quantise import quantised
from maenas.budgets.profiling import sampling
from maenas.latency.measure import find_target
from tests.cpu_table import cpu_table
from tests.graphs import kernels, made
from tests.small_detector import small_folder

KEYS = ["schema", "network", "what", "device", "backend", "precision",
        "precision_asked", "kind", "batch",
        "latency_ms", "samples_ms", "warnings", "network_ms", "not_included", "predicted",
        "provenance", "layers"]  # fmt: skip
THREAD = ("--threads", "1")
MAP = (1, 8, 32, 32)


def refused(ran, *words: str) -> None:
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[-1].startswith("error: "), ran.err
    for word in words:
        assert word in ran.err


def test_a_detector_is_measured_on_this_processor(typed, tmp_path: Path) -> None:
    ran = typed("measure", small_folder(tmp_path / "small"), *THREAD, "--json")
    found = ran.json
    assert list(found) == KEYS
    assert found["schema"] == "maenas/measure@1"
    assert (found["device"], found["backend"], found["precision"]) == ("cpu", "openvino", "f32")
    assert (found["kind"], found["batch"], found["what"]) == ("measured", 1, "detector")
    times = found["latency_ms"]
    assert 0 < times["min"] <= times["p50"] <= times["p95"]
    assert times["cv"] >= 0
    assert min(found["samples_ms"]) == times["min"]
    assert len(found["samples_ms"]) >= sampling.MIN_ROUNDS
    assert found["predicted"] is None
    assert found["provenance"]["threads"] == 1
    assert found["provenance"]["runtime"].startswith("OpenVINO ")
    assert {"conv 3x3/1", "decode"} <= {k for x in found["layers"] for k in x["kernel"].split("+")}
    assert "measuring " in ran.err
    assert "with openvino" in ran.err


@pytest.mark.slow
def test_a_table_says_what_to_measure_with_and_what_was_predicted(typed, tmp_path: Path) -> None:
    cpu_table().save(tmp_path / "mine.json")
    small_folder(tmp_path / "small")
    shown = typed("measure", "small", "--device", "mine.json").words
    for word in (
        "small (detector): ",
        "ms measured (min ",
        "openvino f32, batch 1",
        "threads: 1",
        "the device ran at ",
        "predicted ",
        "%; measured 2026-11-22",
        "by kind: ",
    ):
        assert word in shown  # fmt: skip
    found = typed("measure", "small", "--device", "mine.json", "--json").json
    compared = found["predicted"]
    at_speed = found["latency_ms"]["p50"] * compared["device_speed"]
    assert compared["error"] == pytest.approx(compared["ms"] / at_speed - 1)
    assert compared["kind"] == "measured"


def test_a_file_with_unknown_operators_is_measured_as_a_whole(typed, tmp_path: Path) -> None:
    lines = ["a = Conv x w", "y = LRN a"]
    model = made(lines, weights={"w": kernels(8, 8)}, attributes={"y": {"size": 3}})
    onnx.save(model, tmp_path / "odd.onnx")
    cpu_table().save(tmp_path / "mine.json")
    found = typed("measure", "odd.onnx", "--device", "mine.json", "--json").json
    assert found["what"] == "onnx"
    assert found["predicted"] is None
    assert found["latency_ms"]["p50"] > 0


def test_a_table_that_lacks_a_price_does_not_keep_from_measuring(typed, tmp_path: Path) -> None:
    whole = cpu_table()
    single = next(sample for sample in whole.samples if sample.role == "operator")
    samples = (replace(single, role="fit"),)
    replace(whole, samples=samples).save(tmp_path / "mine.json")
    small_folder(tmp_path / "small")
    ran = typed("measure", "small", "--device", "mine.json", "--json")
    assert ran.json["latency_ms"]["p50"] > 0
    assert ran.json["predicted"] is None
    assert "not predicted: device mine: operators of kind 'concat' were never" in ran.err
    assert ran.err.rstrip().endswith("maenas profile --extend mine.json --model small")


# The precision that is printed is that of the session.


def convolutions(form: str) -> onnx.ModelProto:
    """Two convolutions whose weights are held in one of several forms."""
    rng = np.random.default_rng(0)
    weights = {
        name: rng.standard_normal(shape).astype(np.float32)
        for name, shape in {"w": (16, 8, 3, 3), "v": (16, 16, 3, 3)}.items()
    }
    lines = ["a = Conv x w", "b = Relu a", "y = Conv b v"]
    attributes: dict[str, dict[str, Any]] = {}
    if form == "constants":
        attributes = {
            name: {"value": numpy_helper.from_array(value)} for name, value in weights.items()
        }
        lines, weights = [*(f"{name} = Constant" for name in weights), *lines], {}
    elif form == "identities":
        weights = {f"{name}0": value for name, value in weights.items()}
        lines = ["w = Identity w0", "v = Identity v0", *lines]
    elif form == "transposed":
        weights = {f"{name}0": value.T.copy() for name, value in weights.items()}
        lines = ["w = Transpose w0", "v = Transpose v0", *lines]
    return made(lines, {"x": (1, 8, 32, 32)}, weights, (), attributes)


@pytest.mark.parametrize("form", ["initialisers", "constants", "identities", "transposed"])
def test_weights_are_quantised_in_whatever_form_they_are_kept(typed, tmp_path, form) -> None:
    onnx.save(convolutions(form), tmp_path / "net.onnx")
    ran = typed("measure", "net.onnx", "--precision", "int8", *THREAD, "--json")
    assert ran.json["precision"] == "int8"


@pytest.mark.parametrize("opset", [9, 11, 12, 13, 17])
def test_an_early_opset_is_raised_for_int8(typed, tmp_path: Path, opset: int) -> None:
    model = convolutions("initialisers")
    model.opset_import[0].version = opset
    model.ir_version = 4
    onnx.save(model, tmp_path / "net.onnx")
    ran = typed("measure", "net.onnx", "--precision", "int8", *THREAD, "--json")
    assert ran.json["precision"] == "int8"


@pytest.mark.parametrize("precision", ["int8", "f32"])
def test_a_file_of_16_bit_floats_is_measured_in_each_precision(typed, tmp_path, precision) -> None:
    half = to_half(static_graph(convolutions("initialisers")), float_io=False)
    onnx.save(half, tmp_path / "half.onnx")
    ran = typed("measure", "half.onnx", "--precision", precision, *THREAD, "--json")
    assert ran.json["precision"] == precision


@pytest.mark.parametrize(
    ("line", "shape", "weight"),
    [("y = MatMul x w", (1, 64, 32), (32, 16)), ("y = ConvTranspose x w", MAP, (8, 16, 2, 2))],
    ids=["product", "transposed"],
)
def test_a_network_without_a_convolution_runs_in_8_bits(
    typed, tmp_path, line, shape, weight
) -> None:
    weights = {"w": np.ones(weight, np.float32)}
    onnx.save(made([line], {"x": shape}, weights), tmp_path / "net.onnx")
    asked = ("measure", "net.onnx", "--precision", "int8", *THREAD, "--json")
    assert typed(*asked).json["precision"] == "int8"


def test_a_network_without_anything_to_quantise_is_said_to_run_in_f32(typed, tmp_path) -> None:
    pool = made(["y = MaxPool x"], {"x": MAP}, {}, (), {"y": {"kernel_shape": (3, 3)}})
    onnx.save(pool, tmp_path / "flat.onnx")
    asked = ("measure", "flat.onnx", "--precision", "int8", *THREAD)
    assert "openvino f32 (int8 was asked)" in typed(*asked).words
    found = typed(*asked, "--json").json
    assert (found["precision"], found["precision_asked"]) == ("f32", "int8")


def test_a_quantised_file_is_said_to_run_in_int8_whatever_was_asked(typed, tmp_path) -> None:
    onnx.save(quantised(static_graph(convolutions("initialisers"))), tmp_path / "int8.onnx")
    ran = typed("measure", "int8.onnx", *THREAD)
    assert "openvino int8 (f32 was asked)" in ran.words


def test_an_opset_that_cannot_be_raised_is_one_line(typed, tmp_path: Path, monkeypatch) -> None:
    def refuse(model: onnx.ModelProto, version: int) -> None:
        raise RuntimeError("Assertion `ok` failed: no adapter from 11 for Upsample")

    monkeypatch.setattr("onnx.version_converter.convert_version", refuse)
    model = made(["y = Conv x w"], weights={"w": kernels(8, 8)})
    model.opset_import[0].version = 11
    model.ir_version = 4
    onnx.save(model, tmp_path / "old.onnx")
    ran = typed("measure", "old.onnx", "--precision", "int8", *THREAD)
    refused(ran, "opset 11: cannot be raised to 13: no adapter", "export the model with opset 13")


# What to measure with.


def test_a_table_implies_its_device_precision_and_threads(tables_folder: Path) -> None:
    cpu_table("cpu-bf16-1t", precision="bf16").save(tables_folder / "cpu-bf16-1t.json")
    target, model, reference_ms = find_target("cpu-bf16-1t", None, None)
    assert target == Target("cpu", "openvino", "bf16", 1)
    assert model is not None
    assert model.device == "cpu-bf16-1t"
    assert reference_ms == 3.0
    assert find_target("cpu-bf16-1t", "bf16", 1)[0] == target


def test_a_precision_after_a_colon_chooses_table_and_target(tables_folder: Path) -> None:
    cpu_table("cpu-int8-1t", precision="int8").save(tables_folder / "cpu-int8-1t.json")
    target, model, _ = find_target("cpu-1t:int8", None, None)
    assert target == Target("cpu", "openvino", "int8", 1)
    assert model is not None
    assert find_target("cpu:bf16", None, 2)[0] == Target("cpu", "openvino", "bf16", 2)
    with pytest.raises(MaenasError, match="f32 contradicts --device cpu-1t:int8"):
        find_target("cpu-1t:int8", "f32", None)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("bf16", None), "was measured with precision f32, not bf16; leave --precision out"),
        ((None, 2), "was measured with threads 1, not 2; leave --threads out"),
    ],
)
def test_a_table_is_not_contradicted(tmp_path: Path, asked, message: str) -> None:
    cpu_table().save(tmp_path / "mine.json")
    with pytest.raises(MaenasError, match=message):
        find_target(str(tmp_path / "mine.json"), *asked)


def test_the_device_with_settings_is_the_table_of_that_name(tables_folder: Path) -> None:
    cpu_table("cpu-1t").save(tables_folder / "cpu-1t.json")
    target, model, _ = find_target("cpu", None, 1)
    assert target.threads == 1
    assert model is not None
    assert model.device == "cpu-1t"


def test_the_table_of_a_device_does_not_keep_it_from_other_settings(tables_folder: Path) -> None:
    cpu_table("cpu", threads=2).save(tables_folder / "cpu.json")
    for precision, threads in ((None, None), ("f32", 2)):
        assert find_target("cpu", precision, threads)[1] is not None
    target, model, reference_ms = find_target("cpu", "bf16", 1)
    assert target == Target("cpu", "openvino", "bf16", 1)
    assert model is None
    assert reference_ms is None


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (("cpu", None, None), ["cpu"]),
        (("cpu", "f32", 2), ["cpu"]),
        (("cpu", "bf16", 1), ["cpu", "cpu-bf16-1t"]),
        (("onnxruntime-cpu", None, None), ["onnxruntime-cpu"]),
    ],
    ids=str,
)
def test_a_table_is_looked_for_once_under_each_name(
    tables_folder: Path, monkeypatch: pytest.MonkeyPatch, asked, names: list[str]
) -> None:
    cpu_table("cpu", threads=2).save(tables_folder / "cpu.json")
    looked_for: list[str] = []

    def counted(name: str) -> Path | None:
        looked_for.append(name)
        return find_table(name)

    monkeypatch.setattr("maenas.budgets.device.find_table", counted)
    find_target(*asked)
    assert looked_for == names


def test_without_a_table_there_is_nothing_to_compare_with() -> None:
    target, model, reference_ms = find_target("cpu", None, None)
    assert target == Target("cpu", "openvino", "f32")
    assert model is None
    assert reference_ms is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--precision", "f8"), "precision: cpu is measured in f32, bf16, f16, int8"),
        (("--threads", "0"), "threads: must be from 1 to the"),
        (("--device", "gtx-9090"), "device gtx-9090: is not in this machine"),
        (("--device", "gone.json"), "gone.json: no such file"),
        (("--input-size", "100"), "multiple of 32"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_measured_with_is_refused(typed, arguments, words) -> None:
    refused(typed("measure", "zoo:damo-yolo-ns", *arguments), words)
