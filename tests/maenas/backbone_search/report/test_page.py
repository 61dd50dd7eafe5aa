"""The numbers of a report are those of the run: read back from the data of the page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maenas.blocks import Backbone, load_backbone
from maenas.nas import load_score
from maenas.search_spaces import load_space
from tests.maenas.conftest import SMALL_SPACE, Shell

WEIGHTS = (1.0, 1.0, 2.0, 4.0)
OPTIONS = (
    *("search", "--space", "small.yaml", "--template", "t", "--input-size", "64"),
    *("--weights", "1,1,2,4", "--evaluations", "600", "--finalists", "0", "--out", "run"),
)


class Report:
    """The data of a page, and its networks as the page decodes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.page = (folder / "run" / "report.html").read_text("utf-8")
        self.data: Any = json.loads(self.page.partition('id="data">')[2].partition("</script>")[0])
        (self.group,) = self.data["groups"].values()
        self.space = load_space(str(folder / "small.yaml"))
        self.scores = self.numbers(self.group["scores"])
        self.counts = np.frombuffer(base64.b64decode(self.group["counts"]), dtype="<u4")

    def chart(self, kind: str) -> Any:
        (one,) = [each for each in self.data["charts"].values() if each["kind"] == kind]
        return one

    def numbers(self, text: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(text), dtype="<f4")

    def column(self, label: str) -> np.ndarray:
        (one,) = [each for each in self.group["columns"] if each["label"] == label]
        return self.numbers(one["values"])

    def network(self, index: int) -> Backbone:
        genes = np.frombuffer(base64.b64decode(self.group["genes"]), dtype="<u1")
        width = len(self.group["coding"]["genes"])
        return self.space.decode(genes.reshape(-1, width)[index].tolist())

    def rows(self) -> Iterator[dict[str, Any]]:
        """The networks of the history within all budgets."""
        with (self.folder / "run" / "history.jsonl").open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file][1:]
        return (row for row in rows if row["feasible"])


@pytest.fixture(scope="module")
def report(small_folder: Path) -> Report:
    return Report(small_folder)


@pytest.fixture
def searched(typed: Shell, tmp_path: Path):
    """Runs a small search with further options and reads its report."""

    def run(*options: object) -> Report:
        (tmp_path / "small.yaml").write_text(SMALL_SPACE)
        assert typed(*OPTIONS, *options).code == 0
        return Report(tmp_path)

    return run


def test_the_result_is_the_network_of_best_yaml(report: Report) -> None:
    ((name, index),) = report.chart("front")["found"]
    assert name == "best network"
    assert report.network(index) == load_backbone(report.folder / "run" / "best.yaml")
    assert f'data-index="{index}"' in report.page


def test_every_network_within_the_budgets_stands_behind_one_mark(report: Report) -> None:
    rows = list(report.rows())
    cloud = report.chart("front")["cloud"]
    assert report.counts.sum() == report.counts[:cloud].sum() == len(rows)
    told = {(round(row["score"], 3), round(row["macs"] / 1e9, 6)) for row in rows}
    for score, macs in zip(report.scores[:cloud], report.column("MACs")[:cloud], strict=True):
        assert any(abs(score - s) < 1e-2 and abs(macs - m) < 1e-5 for s, m in told)


def test_scores_and_costs_are_those_of_the_networks(report: Report) -> None:
    score = load_score("max-entropy", WEIGHTS)
    for index in report.chart("front")["best"]:
        backbone = report.network(index)
        assert report.scores[index] == pytest.approx(score(backbone), rel=1e-6)
        assert report.column("layers")[index] == backbone.layers


def test_no_network_of_the_page_is_above_the_front(report: Report) -> None:
    front = report.chart("front")
    best = report.scores[front["best"]]
    assert (np.diff(best) > 0).all()
    macs = report.column("MACs")
    for row in report.rows():
        cheaper = macs[front["best"]] <= row["macs"] / 1e9 * (1 + 1e-6)
        assert row["score"] <= best[cheaper].max() * (1 + 1e-6)
    told = json.loads((report.folder / "run" / "result.json").read_text("utf-8"))
    assert front["certified"][-1]["y"] == told["optimum_at_most"]
    for point in front["certified"]:
        within = macs[front["best"]] <= point["x"] * (1 + 1e-6)
        assert best[within].max(initial=-np.inf) <= point["y"] * (1 + 1e-6)


def test_the_table_of_networks_names_files_in_the_folder_of_the_search(report: Report) -> None:
    assert "the files are in run</caption>" in report.page
    assert "<td>best.yaml</td>" in report.page


def test_the_history_names_the_network_of_each_rise(report: Report) -> None:
    for curve in report.chart("history")["curves"]:
        points = curve["points"]
        assert [p["x"] for p in points] == sorted(p["x"] for p in points)
        for point in points:
            assert report.scores[point["network"]] == pytest.approx(point["y"], rel=1e-6)


def test_an_exact_search_shows_the_certified_front_alone(searched) -> None:
    report = searched("--budget", "100MMACs", "--algorithm", "exact")
    front = report.chart("front")
    assert front["cloud"] == 0
    assert len(front["certified"]) == 40
    assert len(front["best"]) > 3
    assert "needs no candidates" in report.page


def test_a_limit_on_layers_alone_has_a_front_without_a_certificate_of_sums(searched) -> None:
    report = searched("--budget", "9layers")
    front = report.chart("front")
    assert front["x_label"] == "layers"
    assert front["certified"] == []
    assert max(report.column("layers")[front["best"]]) <= 9


def test_latency_by_part_adds_up_to_the_latency(searched) -> None:
    report = searched("--budget", "1.1ms", "--device", "t4")
    bars = report.chart("bars")
    assert bars["categories"][-2:] == ["neck", "head"]
    told = json.loads((report.folder / "run" / "result.json").read_text("utf-8"))
    name, values = bars["series"][0]
    assert name == "best network"
    assert sum(values) == pytest.approx(told["latency_ms"], rel=1e-9)


def test_each_latency_of_several_devices_is_an_axis(searched) -> None:
    report = searched("--budget", "1.1ms@t4", "--budget", "3ms@intel-8163")
    plane = report.chart("plane")
    assert plane["corners"] == [[1.1, 3.0]]
    told = json.loads((report.folder / "run" / "result.json").read_text("utf-8"))
    ((_, index),) = plane["found"]
    columns = [report.numbers(report.group["columns"][plane[axis]]["values"]) for axis in "xy"]
    assert columns[0][index] == pytest.approx(told["latency_ms"], rel=1e-6)
    assert columns[1][index] <= 3.0
    assert report.network(index) == load_backbone(report.folder / "run" / "best.yaml")
