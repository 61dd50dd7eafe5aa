"""`maenas compare`: every number is the one that the other commands give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

import maenas
from maenas.blocks import Op, load_backbone
from maenas.blocks.backbone_file import Metadata, dump_backbone
from maenas.budgets import LatencyModel, load_device
from maenas.budgets.latency import DeviceError
from maenas.latency.comparison.compare import compared
from maenas.latency.comparison.rows import rows
from maenas.nas import load_score
from tests.graphs import kernels, made
from tests.small_detector import small_folder

T, S = "zoo:damo-yolo-t", "zoo:damo-yolo-s"


@pytest.fixture
def convolution(tmp_path: Path) -> str:
    weights = {"w": kernels(8, 3)}
    model = made(["y = Conv x w"], {"x": (1, 3, 16, 24)}, weights)
    onnx.save(model, tmp_path / "one.onnx")
    return "one.onnx"


def test_costs_are_those_of_show_and_predict(typed) -> None:
    told = typed("compare", T, S, "--device", "t4", "--device", "intel-8163", "--json").json
    assert told["schema"] == "maenas/compare@1"
    for network in told["networks"]:
        shown = typed("show", network["name"], "--json").json
        for name in ("params", "macs", "memory_bytes", "layers"):
            assert network[name] == shown[name]
        assert [each["device"] for each in network["latencies"]] == ["t4", "intel-8163"]
        for latency in network["latencies"]:
            predicted = maenas.predict(network["name"], latency["device"])
            assert latency["ms"] == pytest.approx(predicted.latency_ms)
        backbone = load_backbone(network["name"])
        assert network["scores"] == {
            name: load_score(name)(backbone) for name in ("max-entropy", "log-entropy")
        }


def test_without_a_device_those_of_the_searches_are_shown(tmp_path: Path, caplog: Any) -> None:
    for name, device in (("one", "t4"), ("two", "pi5"), ("three", "lab/cpu.json")):
        metadata = Metadata(template="t", device=device)
        dump_backbone(load_backbone(T), tmp_path / f"{name}.yaml", metadata=metadata)

    def shown(*networks: str) -> list[str]:
        return [each.device for each in maenas.compare(networks)[0].latencies]

    one, two, three = (str(tmp_path / f"{name}.yaml") for name in ("one", "two", "three"))
    assert shown(S) == ["t4"]
    assert shown(S, two) == ["pi5"]
    assert shown(two, one, two) == ["pi5", "t4"]
    assert shown(three, one) == ["t4"]
    assert "lab/cpu.json" in caplog.text


def test_scores_of_different_blocks_stand_in_rows_of_their_own(typed) -> None:
    same = typed("compare", T, S).words
    assert same.count("max-entropy of ") == 1
    assert "scores compare only" not in same
    mixed = typed("compare", T, "zoo:damo-yolo-ns").words
    assert "max-entropy of focus_stem+res_k1kx 429.540 -" in mixed
    assert "max-entropy of conv_stem+mob - 459.771" in mixed
    assert "scores compare only between networks with the same blocks" in mixed


def test_networks_of_different_input_sizes_get_one_note(typed, convolution, tmp_path) -> None:
    note = "input sizes differ (640x640, 16x24 pixels): AP and latency at different input sizes "
    ran = typed("compare", T, T, convolution, "--html", "page.html")
    assert ran.words.count(note) == 1
    assert (tmp_path / "page.html").read_text("utf-8").count(note) == 1
    (told,) = typed("compare", T, convolution, "--json").json["notes"]
    assert told.startswith(note)
    assert typed("compare", T, S, "--json").json["notes"] == []
    assert "input sizes differ" not in typed("compare", T, S).words


def test_a_file_of_onnx_has_costs_and_no_stages(typed, convolution: str) -> None:
    (network,) = typed("compare", convolution, "--json").json["networks"]
    assert (network["what"], network["in_shape"]) == ("onnx", [3, 16, 24])
    assert (network["macs"], network["params"]) == (8 * 3 * 16 * 24, 8 * 3 + 8)
    assert (network["layers"], network["scores"], network["ap"]) == (None, None, None)


def test_the_best_ap_of_a_training_is_shown(typed, tmp_path: Path) -> None:
    small_folder(tmp_path / "run")
    (tmp_path / "run" / "results.csv").write_text("epoch,ap\n1,0.25\n2,0.5\n3,0.375\n4,\n")
    (network,) = typed("compare", "run", "--json").json["networks"]
    assert network["ap"] == 0.5
    assert "best AP of its run 0.5000" in typed("compare", "run").words
    (tmp_path / "run" / "results.csv").write_text("epoch,ap\n1,high\n")
    ran = typed("compare", "run")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: run/results.csv: is damaged: ")
    assert ran.err.endswith("; `maenas train --resume --out run` writes it again.\n")


def test_a_device_without_a_price_is_a_reason_not_an_end() -> None:
    class Empty(LatencyModel):
        device, kind, precision, about = "empty", "estimated", "f16", "no prices"

        def op_ms(self, op: Op) -> float:
            raise DeviceError(f"device empty: has no price for {op.kind}.")

    network = compared(T, [Empty(), load_device("t4")])
    without, priced = network.latencies
    assert (without.ms, without.reason) == (None, "device empty: has no price for slice.")
    assert (priced.ms, priced.reason) == (maenas.predict(T, "t4").latency_ms, None)
    assert dict(rows([network]))["t4, estimated"] == [f"{priced.ms:.3f} ms"]
    assert "empty, estimated" not in dict(rows([network]))


def test_an_operator_of_unknown_cost_is_named(typed, tmp_path: Path) -> None:
    model = made(["y = LRN x"], {"x": (1, 16, 8, 8)}, attributes={"y": {"size": 3}})
    onnx.save(model, tmp_path / "odd.onnx")
    ran = typed("compare", T, "odd.onnx")
    assert ran.code == 2
    assert ran.err.startswith("error: odd.onnx: has operators without a price: 1 x LRN")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("compare", T, "--device", "t5"), "error: device: no"),
        (("compare", T, "nothing"), "error: nothing: "),
    ],
)
def test_what_does_not_exist_is_one_line(typed, asked, said) -> None:
    ran = typed(*asked)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(said)
    assert ran.err.count("\n") == 1


def test_a_page_shows_every_row_the_stages_and_the_latency_by_part(typed, tmp_path: Path) -> None:
    ran = typed("compare", T, S, "--device", "t4", "--device", "intel-8163", "--html", "two.html")
    assert (ran.code, ran.err) == (0, "page: two.html\n")
    page = (tmp_path / "two.html").read_text("utf-8")
    found = maenas.compare([T, S], ["t4", "intel-8163"])
    for label, cells in rows(found):
        assert f"<td>{label}</td>" in page
        for cell in cells:
            assert f'<td class="number">{cell}</td>' in page
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert [one["name"] for one in data["charts"]["stages-drawing"]["networks"]] == [T, S]
    for index, device in enumerate(("t4", "intel-8163")):
        for part in ("stages", "kinds"):
            bars = data["charts"][f"latency-{index}-{part}"]["series"]
            sums = [sum(value or 0 for value in values) for _, values in bars]
            assert sums == pytest.approx([maenas.predict(n, device).latency_ms for n in (T, S)])


def test_a_page_of_an_onnx_file_has_no_stages(typed, tmp_path: Path, convolution: str) -> None:
    typed("compare", convolution, T, "--html", "page.html", "--json")
    page = (tmp_path / "page.html").read_text("utf-8")
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert [one["name"] for one in data["charts"]["stages-drawing"]["networks"]] == [T]
    assert [name for name, _ in data["charts"]["latency-0-stages"]["series"]] == [T]
    assert [n for n, _ in data["charts"]["latency-0-kinds"]["series"]] == [convolution, T]


def test_a_page_replaces_no_file_of_another_kind(typed, tmp_path: Path) -> None:
    (tmp_path / "best.yaml").write_text("mine")
    ran = typed("compare", T, "--html", "best.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: html: must name a file that ends in .html, got best.yaml.\n"
    assert (tmp_path / "best.yaml").read_text() == "mine"


def test_two_trainings_are_compared_by_accuracy_and_latency(typed, tmp_path: Path) -> None:
    for name, ap in (("one", "0.25"), ("two", "0.5")):
        small_folder(tmp_path / name)
        (tmp_path / name / "results.csv").write_text(f"epoch,ap\n1,{ap}\n")
    typed("compare", "one", "two", "--html", "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    curves = data["charts"]["accuracy-chart"]["curves"]
    assert [curve["points"][0]["y"] for curve in curves] == [0.25, 0.5]
