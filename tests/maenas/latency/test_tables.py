"""`maenas tables`, and searches that are priced by a table of the user's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maenas.backbone_search.plan import fingerprint, plan
from maenas.blocks.op import conv as conv3x3
from maenas.budgets import load_device
from maenas.budgets.budget import parse_budgets
from maenas.budgets.device import bundled_names
from maenas.budgets.profiling.operator_grid import operator_grid
from maenas.runs.config import SearchConfig
from maenas.runs.templates import choose_template, published_cost
from tests.cpu_table import cpu_table, disturbed


def test_measured_tables_damaged_ones_and_estimates_are_listed(typed, tables_folder) -> None:
    cpu_table("cpu-1t").save(tables_folder / "cpu-1t.json")
    (tables_folder / "torn.json").write_text("{")
    found = typed("tables", "--json").json
    assert found["schema"] == "maenas/tables@1"
    assert found["folder"] == str(tables_folder)
    kinds = {row["device"]: row["kind"] for row in found["tables"]}
    estimates = dict.fromkeys(bundled_names(), "estimated")
    assert kinds == {"cpu-1t": "measured", "torn": "damaged", **estimates}
    measured = found["tables"][0]
    assert measured["networks"] == 7
    assert measured["mean_error"] < 0.02
    shown = typed("tables").words
    for word in ("cpu-1t", "% on 7", "estimated", "measured tables lie"):
        assert word in shown
    assert "torn.json:iscutoff" in shown.replace(" ", "")  # a long path is broken over lines
    assert measured["protocol"] == "arithmetic 1.0, f32, 1 thread, batch 1"
    assert measured["created"] == "2026-11-22T10:00:00+00:00"
    assert "arithmetic 1.0, f32, 1 thread, batch 1" in shown
    assert "0 of " in shown  # disturbed samples


def test_a_table_that_was_never_checked_says_so(typed, tables_folder) -> None:
    whole = cpu_table()
    fitted = tuple(sample for sample in whole.samples if sample.role == "fit")
    replace(whole, samples=fitted).save(tables_folder / "mine.json")
    row = typed("tables", "--json").json["tables"][0]
    assert row["networks"] == 0
    assert "mean_error" not in row
    assert "not checked" in load_device("mine").about


@pytest.mark.slow
def test_a_disturbed_table_is_marked_wherever_it_is_used(typed, tables_folder) -> None:
    disturbed(cpu_table(), 5).save(tables_folder / "mine.json")
    warning = "samples were disturbed (5 of 14 networks); measure the table again"
    row = typed("tables", "--json").json["tables"][0]
    assert warning in row["warning"]
    assert row["disturbance"]["disturbed_networks"] == 5
    listed = typed("tables").words
    assert "UNRELIABLE" in listed
    assert "rank correlation" not in listed
    predicted = typed("predict", "zoo:damo-yolo-ns", "--device", "mine")
    assert warning in predicted.err
    assert "rank correlation" not in predicted.out
    assert f"mine: {load_device('mine').brief}\n" in predicted.out
    assert "samples were disturbed" not in predicted.out  # the warning says so
    asked = ("predict", "zoo:damo-yolo-ns", "--device", "mine", "--json")
    assert warning in typed(*asked).json["warning"]
    device = load_device("mine")
    assert warning in device.about
    assert device.brief.startswith("measured 2026-11-22: ")
    assert device.brief.endswith("; UNRELIABLE")


@pytest.mark.slow
def test_a_search_on_a_disturbed_table_warns_once_before_it_begins(
    typed, small_folder, tmp_path
) -> None:
    disturbed(cpu_table(), 5).save(tmp_path / "mine.json")
    options = (
        "--space", small_folder / "small.yaml", "--device", "mine.json", "--template", "t",
        "--input-size", "64", "--weights", "1,1,2,4", "--evaluations", "300", "--finalists", "0",
    )  # fmt: skip
    for name, budget in (("one", "2.5ms"), ("family", "2ms..3ms")):
        asked = ("search", *options, "--budget", budget, "--out", name)
        first, again = typed(*asked), typed(*asked, "--resume", "--json")
        for ran in (first, again):
            lines = [line for line in ran.err.splitlines() if line.startswith("warning: ")]
            assert len(lines) == 1, ran.err
            assert lines[0].startswith("warning: mine: 5 of ")
            assert lines[0].endswith("measure the table again when the machine is quiet")
        assert first.err.index("warning: ") < first.err.index("bounding the optimum")
        assert "UNRELIABLE: 5 of " in first.words
        assert "UNRELIABLE: 5 of " in (tmp_path / name / "report.html").read_text()
        assert str(again.json["latency_warning"]).startswith("5 of ")


@pytest.mark.slow
def test_every_command_that_prices_by_a_disturbed_table_warns(typed, tmp_path) -> None:
    disturbed(cpu_table(), 5).save(tmp_path / "mine.json")
    on_cpu = ("--runtime", "openvino", "--precision", "f32")
    times = {"ns": 20, "nm": 40, "nl": 60, "t": 90, "s": 160}
    rows = [f"zoo:damo-yolo-{scale},{ms}" for scale, ms in times.items()]
    (tmp_path / "rows.csv").write_text("\n".join(["network,latency_ms", *rows]))
    for asked in (
        ("build-detector", "zoo:damo-yolo-ns", "--device", "mine.json", "--out", "built"),
        ("measure", "zoo:damo-yolo-ns", "--device", "mine.json", "--input-size", "64"),
        ("compare", "zoo:damo-yolo-ns", "--device", "t4", "--device", "mine.json"),
        ("show", "zoo:damo-yolo-ns", "--device", "mine.json"),
        ("calibrate", "rows.csv", *on_cpu, "--base", "mine.json", "--out", "e.yaml"),
    ):
        told = [line for line in typed(*asked).err.splitlines() if line.startswith("warning: mine")]
        assert len(told) == 1, asked
        assert told[0].startswith("warning: mine: 5 of "), asked


@pytest.mark.slow
def test_json_of_a_price_by_a_disturbed_table_says_so(typed, tmp_path) -> None:
    disturbed(cpu_table(), 5).save(tmp_path / "mine.json")
    on_it = ("zoo:damo-yolo-ns", "--device", "mine.json", "--json")
    compared = typed("compare", *on_it).json["networks"][0]["latencies"][0]
    assert compared["warning"].startswith("5 of ")
    assert typed("show", *on_it).json["latency_warning"].startswith("5 of ")
    measured = typed("measure", *on_it, "--input-size", "64").json
    assert measured["predicted"]["warning"].startswith("5 of ")


def test_a_few_disturbed_samples_do_not_spoil_a_table(tables_folder) -> None:
    disturbed(cpu_table(), 3).save(tables_folder / "mine.json")
    device = load_device("mine")
    assert device.warning is None
    assert "UNRELIABLE" not in device.about


def test_a_latency_on_a_cpu_may_choose_a_nano_scale(tables_folder) -> None:
    cpu_table().save(tables_folder / "mine.json")
    device = load_device("mine")
    for scale in ("ns", "nl", "s"):
        limit = published_cost(scale, "latency_ms", device, "detector")
        budgets = parse_budgets([f"{limit}ms"])
        assert choose_template(budgets, device, "detector") == scale
    assert choose_template(parse_budgets(["0.1ms"]), load_device("t4"), "detector") == "t"


@pytest.mark.slow
def test_another_table_of_the_same_name_makes_another_search(tables_folder) -> None:
    config = SearchConfig(budgets=("5ms",), device="mine", template="ns")
    prints = []
    for created in ("2026-11-22T10:00:00+00:00", "2026-11-22T10:00:01+00:00"):
        cpu_table(created=created).save(tables_folder / "mine.json")
        prints.append(fingerprint(plan(config)))
    assert prints[0] != prints[1]
    assert prints[1] == fingerprint(plan(config))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_search_is_priced_by_a_table(typed, small_folder, tmp_path, workers) -> None:
    cpu_table().save(tmp_path / "mine.json")
    found = typed(
        "search", "--space", small_folder / "small.yaml", "--budget", "2.5ms", "--device",
        "mine.json", "--template", "t", "--input-size", "64", "--weights", "1,1,2,4",
        "--evaluations", "300", "--finalists", "0", "--workers", workers, "--json",
    ).json  # fmt: skip
    assert "measured 2026-11-22" in str(found)
    assert found["verified"] == []
    assert 0 < found["latency_ms"] <= 2.5


# One table in detail.


@pytest.mark.slow
def test_a_measured_table_is_explained_by_kernels_and_families(typed, tmp_path) -> None:
    table = cpu_table()
    table.save(tmp_path / "mine.json")
    found = typed("tables", "show", "mine.json", "--plot", "mine.png", "--json").json
    assert found["schema"] == "maenas/table@1"
    assert found["protocol"] == "arithmetic 1.0, f32, 1 thread, batch 1"
    assert found["samples"] == {"fit": 7, "operator": len(operator_grid(2)), "held-out": 7}
    (family,) = found["families"]
    assert (family["family"], family["networks"]) == ("zoo", 7)
    assert family["mean_error"] == pytest.approx(table.errors.mean)
    kernels = {kernel["kernel"]: kernel for kernel in found["kernels"]}
    assert set(kernels) == {str(kind) for kind in table.model().kernels}
    conv = kernels["conv 1x1/1"]
    assert conv["layers"] > 100
    assert conv["mean_error"] < 0.05
    curve = found["curves_ms_by_channels_at_40x40"]["conv 3x3/1"]
    op = conv3x3((64, 40, 40), 64, 3, act="relu")
    assert curve["64"] == pytest.approx(table.model().op_ms(op))
    assert list(curve.values()) == sorted(curve.values())
    assert (tmp_path / "mine.png").read_bytes().startswith(b"\x89PNG")
    shown = typed("tables", "show", "mine.json").words
    for word in ("zoo", "conv 3x3/1", "age: ", "7 held-out", "0 of "):
        assert word in shown


@pytest.mark.parametrize("device", bundled_names())
def test_an_estimate_is_explained_with_its_errors(typed, tmp_path, device: str) -> None:
    found = typed("tables", "show", device, "--plot", "plot.png", "--json").json
    assert (found["device"], found["kind"]) == (device, "estimated")
    assert found["held_out"] is None
    assert found["kernels"]
    assert found["curves_ms_by_channels_at_40x40"]
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    fit = getattr(load_device(device), "fit", None)
    assert fit is not None
    errors = {name: error / 100 for name, error in fit.leave_one_out.items()}
    assert found["left_out"] == pytest.approx(errors)
    assert found["mean_error"] == pytest.approx(np.mean([abs(each) for each in errors.values()]))
    shown = typed("tables", "show", device)
    assert shown.code == 0
    assert "age: " in shown.words
    assert "age: unknown" not in shown.words
    assert "layers" not in shown.words  # an estimate has none, so it has no such column
    assert ("all of one family: " in shown.words) == (not found["families"])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("show",), "expected `maenas tables show TABLE`, got 'show'"),
        (("t4",), "expected `maenas tables show TABLE`, got 't4'"),
        (("show", "t5"), "no device 't5'"),
        (("show", "gone.json"), "gone.json: no such file"),
        (("show", "t4", "--plot", "t4.pdf"), "t4.pdf: a plot is a file that ends in .png"),
        (("--plot", "all.png"), "draws one table; name it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_shown_is_refused_in_one_line(typed, asked, words) -> None:
    ran = typed("tables", *asked)
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1
