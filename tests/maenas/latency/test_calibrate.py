"""`maenas calibrate`: rows in, an estimate out that works as a device."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import maenas
from maenas.budgets import load_device
from maenas.budgets.calibration.shares import scaled
from maenas.latency.calibration_rows import family_of
from maenas.latency.networks import published_detector

SCALES = ("ns", "nm", "nl", "t", "s", "m", "l")
ASKED = ("--runtime", "tensorrt", "--precision", "f16", "--sms", 40)


def written(folder: Path, *lines: str, header: str = "network,latency_ms") -> Path:
    path = folder / "rows.csv"
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """The family on a T4 whose launches take half."""
    device = scaled(load_device("t4"), {"tensor": 1.0, "launch": 0.5, "memory": 1.0})
    lines = [
        f"zoo:damo-yolo-{scale},{device.latency_ms(published_detector(scale).ops()):.4f}"
        for scale in SCALES
    ]
    return written(tmp_path, *lines)


def test_an_estimate_is_written_and_works_wherever_a_device_does(rows, tmp_path, typed):
    out = tmp_path / "mine.yaml"
    told = typed("calibrate", rows, *ASKED, "--out", out, "--json").json
    assert told["schema"] == "maenas/calibrate@1"
    assert told["fit"]["mean_error"] < 1
    assert told["rows"][0]["network"] == "zoo:damo-yolo-ns"
    assert out.with_suffix(".png").stat().st_size > 10_000
    for name in (str(out), "mine.yaml", "./mine.yaml"):
        found = maenas.predict("zoo:damo-yolo-s", device=name)
        assert found.model.device == "mine"
        assert found.latency_ms == pytest.approx(told["rows"][4]["predicted_ms"], rel=2e-3)
    assert maenas.compare(["zoo:damo-yolo-s"], ["mine.yaml"])
    shown = typed("show", "zoo:damo-yolo-s", "--device", "mine.yaml").words
    assert "estimated: t4 adapted to 7 networks of rows.csv (tensorrt, f16)" in shown


def test_an_estimate_in_the_folder_of_tables_is_a_name(rows, tables_folder, typed):
    typed("calibrate", rows, *ASKED, "--power", "15W")
    name = "rows-tensorrt-f16-15W"
    assert (tables_folder / f"{name}.yaml").is_file()
    assert maenas.predict("zoo:damo-yolo-t", device=name).model.device == name
    assert name in {table.device for table in maenas.tables().tables}


def test_the_terminal_shows_each_row_and_the_errors(rows, tmp_path, typed):
    shown = typed("calibrate", rows, *ASKED, "--out", tmp_path / "mine.yaml").words
    assert "zoo:damo-yolo-nl" in shown
    assert "multipliers: tensor" in shown
    assert "on networks left out one by one" in shown
    assert "maenas predict NETWORK --device" in shown


def test_one_multiplier_for_all_parts_is_explained_in_note_file_and_json(rows, tmp_path, typed):
    every = typed("calibrate", rows, *ASKED, "--out", tmp_path / "all.yaml", "--json").json
    assert every["notes"] == []
    few = written(tmp_path, *rows.read_text().split()[4:7])
    out = tmp_path / "few.yaml"
    asked = ("calibrate", few, "--runtime", "tensorrt", "--precision", "f16", "--out", out)
    ran = typed(*asked)
    assert (
        "note: one multiplier for all parts, as 5 rows at least tell parts apart, got 3"
        in ran.words
    )
    assert "note: 40 multiprocessors, as t4 has; --sms gives the device's own" in ran.words
    assert "# One multiplier for all parts, as 5 rows" in out.read_text()
    told = typed(*asked, "--exist-ok", "--json").json
    assert [note.split(",")[0] for note in told["notes"][:2]] == [
        "one multiplier for all parts",
        "40 multiprocessors",
    ]


def test_an_estimate_knows_when_it_was_calibrated(rows, tmp_path, typed):
    out = tmp_path / "mine.yaml"
    typed("calibrate", rows, *ASKED, "--out", out)
    assert "age: today" in typed("tables", "show", out).words
    created = typed("tables", "show", out, "--json").json["created"]
    assert datetime.now(UTC) - datetime.fromisoformat(created) < timedelta(days=1)


def test_an_estimate_with_a_wrong_date_is_refused_in_one_line(rows, tmp_path, typed):
    out = tmp_path / "mine.yaml"
    typed("calibrate", rows, *ASKED, "--out", out)
    out.write_text(re.sub("created: '.*'", "created: 'soon'", out.read_text()))
    ran = typed("tables", "show", out)
    assert ran.code == 2
    assert "created: must be a date such as 2026-11-29, got 'soon'" in ran.err


def test_operator_prices_of_a_cpu_are_calibrated_too(tmp_path, typed):
    device = load_device("intel-8163")
    lines = [
        f"zoo:damo-yolo-{scale},{3 * device.latency_ms(published_detector(scale).ops()):.4f}"
        for scale in SCALES
    ]
    asked = ("--runtime", "onnxruntime", "--precision", "f32")
    out = tmp_path / "pi.yaml"
    told = typed("calibrate", written(tmp_path, *lines), *asked, "--out", out, "--json").json
    assert told["fit"]["multipliers"] == {"all": pytest.approx(3, rel=1e-3)}
    found = load_device(str(out))
    ops = list(published_detector("s").ops())
    assert found.latency_ms(ops) == pytest.approx(3 * device.latency_ms(ops), rel=1e-3)
    assert found.about.count("left out of the calibration") == 1


def test_a_file_that_exists_stays(rows, tmp_path, typed):
    out = tmp_path / "mine.yaml"
    out.write_text("mine")
    told = typed("calibrate", rows, *ASKED, "--out", out)
    assert told.code == 2
    assert "mine.yaml: exists" in told.err
    assert out.read_text() == "mine"
    assert typed("calibrate", rows, *ASKED, "--out", out, "--exist-ok").code == 0


T, S = "zoo:damo-yolo-t,2.3", "zoo:damo-yolo-s,3.4"


@pytest.mark.parametrize(
    ("header", "lines", "message"),
    [
        (
            "network",
            [T],
            "row 1: needs .*; there is no latency_ms, only 'network'",
        ),
        ("network,latency_ms,famly", [f"{T},x"], "no such column 'famly'; did you mean family?"),
        ("network,latency_ms,network", [f"{T},x"], "row 1: column network is given twice"),
        ("network,latency_ms", [T, "zoo:damo-yolo-s"], "row 3: must have 2 values, got 1"),
        ("network,latency_ms", [T, "zoo:damo-yolo-s,-3"], "row 3: latency_ms: must be a positive"),
        ("network,latency_ms", [T, "zoo:damo-yolo-s,fast"], "row 3: .* got 'fast'"),
        ("network,latency_ms", [T, "zoo:damo-yolo-s,nan"], "row 3: .* got 'nan'"),
        ("network,latency_ms", [T, "zoo:damo-yolo-x,3"], "row 3: .*damo-yolo-x"),
        ("network,latency_ms", [T, "gone.onnx,3"], "row 3: gone.onnx: "),
        ("network,latency_ms", [T, ",3"], "row 3: network: is empty"),
        ("network,latency_ms", [T, S, T], "row 4: zoo:damo-yolo-t: is the same network as row 2"),
        (
            "network,latency_ms",
            [T, S, "zoo:damo-yolo-t,4.1"],
            "row 4: zoo:damo-yolo-t: contradicts row 2: the same network takes 2.3 ms there and "
            "4.1 ms here",
        ),
        ("network,latency_ms,input_size", [f"{T},big"], "row 2: input_size: must be a side"),
        (
            "network;latency_ms",
            ["zoo:damo-yolo-t;2,3"],
            "row 1: needs .* with a comma between them; there is no network, only 'network;latenc",
        ),
        (
            "network,latency_ms",
            [T.replace("2.", "0.002"), S.replace("3.", "0.003"), "zoo:damo-yolo-m,0.005"],
            r"the rows take 1/\d+ of the latency on t4.*give latency_ms in milliseconds",
        ),
        (
            "network,latency_ms",
            [f"{T}e3", f"{S}e3", "zoo:damo-yolo-m,5e3"],
            r"the rows take \d+ times the latency on t4, the base, such as 2300 for zoo:damo-",
        ),
        ("network,latency_ms", [], "has no rows below its header"),
        ("network,latency_ms", [T, S], "a calibration needs at least 3 networks, got 2"),
    ],
)
def test_a_wrong_row_is_named_in_one_line(tmp_path, header, lines, message):
    path = written(tmp_path, *lines, header=header)
    out = tmp_path / "mine.yaml"
    with pytest.raises(maenas.MaenasError, match=message) as error:
        maenas.calibrate(path, runtime="tensorrt", precision="f16", out=out)
    assert "rows.csv: " in str(error.value)
    assert "\n" not in str(error.value)
    assert not out.exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"runtime": "tensorflow"}, "no such runtime 'tensorflow'"),
        ({"precision": "fp16"}, "precision: must be one of f32, bf16, f16, int8, got 'fp16'"),
        ({"sms": 0}, "sms: must be at least 1, got 0"),
        ({"runtime": "openvino", "sms": 40}, "sms: belongs to a GPU"),
        ({"multipliers": "3"}, "multipliers: must be one of auto, 1, several, got '3'"),
        ({"base": "t5"}, "no device 't5'"),
        ({"base": "pi5"}, "base: pi5 has the prices of a CPU, but tensorrt runs on a GPU"),
        ({"power": "15 W/x"}, "power: must be letters, digits, dots and hyphens"),
        ({"out": "mine.json"}, "out: must be a .yaml file, got mine.json"),
    ],
)
def test_an_option_that_cannot_be_right_is_refused(rows, changed, message):
    asked = {"runtime": "tensorrt", "precision": "f16"} | changed
    with pytest.raises(maenas.MaenasError, match=message):
        maenas.calibrate(rows, **asked)


@pytest.mark.parametrize(
    ("network", "family"),
    [
        ("yolov8n", "yolov8"), ("yolov5-s", "yolov5"), ("zoo:damo-yolo-nl", "damo-yolo"),
        ("efficientdet-d0", "efficientdet"), ("rtmdet_tiny", "rtmdet"), ("yolov8", "yolov8"),
        ("m", "m"),
    ],
)  # fmt: skip
def test_a_family_is_the_name_without_the_size(network, family):
    assert family_of(network) == family


def test_an_estimate_is_not_measured(rows, tmp_path):
    out = tmp_path / "mine.yaml"
    maenas.calibrate(rows, runtime="tensorrt", precision="f16", out=out)
    with pytest.raises(maenas.MaenasError, match="is an estimate, which cannot be measured"):
        maenas.measure("zoo:damo-yolo-t", device=str(out))
