"""Bounds name the limit that they hold for, also where verification raised it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from maenas.backbone_search.results import plots
from tests.maenas.conftest import Shell
from tests.schemas import errors_in
from tests.small_pair import GPU, latency

BUDGET = latency(GPU, 0.5)
METER = f"""\
import sys
from maenas.blocks import load_backbone
from maenas.budgets import load_device
print(load_device("{GPU}").latency_ms(load_backbone(sys.argv[1]).ops()) * 0.8, "ms")
"""


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were drawn, in place of files."""
    drawn: list[Figure] = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: drawn.append(figure))
    return drawn


@pytest.fixture
def asked(unlimited: tuple[str, ...], tmp_path: Path) -> tuple[str, ...]:
    """A search whose networks take 0.8 of their prices when they are measured."""
    (tmp_path / "meter.py").write_text(METER)
    measure = f"{sys.executable} {tmp_path}/meter.py {{spec}}"
    return (
        *(*unlimited, "--budget", f"{BUDGET:g}ms", "--device", GPU, "--scope", "backbone"),
        *("--verify", "1", "--verify-with", measure, "--out", "run"),
    )


def data_of(page: str) -> Any:
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])


def test_every_bound_names_its_limit_where_verification_raised_it(
    typed: Shell, asked: tuple[str, ...], figures: list[Figure]
) -> None:
    card = typed(*asked)
    assert card.code == 0, card.err
    told = json.loads(Path("run/result.json").read_text("utf-8"))
    assert errors_in("search-result", told) == []
    raised, upper = told["optimum_within"]["latency_ms"], told["optimum_at_most"]
    assert BUDGET < told["latency_ms"] <= raised
    assert told["score"] <= upper
    bound = f"no network estimated within {raised:.3f} ms exceeds {upper:.3f}"
    assert bound in card.words
    assert f"no network estimated within {raised:.3f} ms exceeds {upper:.4f}" in Path(
        "run/best.yaml"
    ).read_text("utf-8")
    (note,) = (each for each in told["notes"] if "too high" in each)
    assert note.startswith(f"on {GPU} the estimated latency is 25.0 % too high (median of ")
    assert f"was raised from {BUDGET:.3f} ms to {raised:.3f} ms" in note
    assert note in card.words

    page = Path("run/report.html").read_text("utf-8")
    charts = data_of(page)["charts"]
    (history,) = (each for each in charts.values() if each["kind"] == "history")
    (within, most), (beyond, least) = history["bounds"]
    assert within == f"certified optimum estimated within {BUDGET:.3f} ms: {most:.3f}"
    assert beyond == f"certified optimum estimated within {raised:.3f} ms: {upper:.3f}"
    assert most < told["score"] <= least == upper
    assert f"No network estimated within {BUDGET:.3f} ms exceeds {most:.3f}." in page
    assert bound in page
    assert f"The result is beyond the budget here: {note}." in page
    (front,) = (each for each in charts.values() if each["kind"] == "front")
    assert front["limits"] == [["budget", BUDGET], ["raised limit", raised]]
    assert (front["certified"][-1]["x"], front["certified"][-1]["y"]) == (raised, upper)
    assert f"{raised:.3f} ms, raised" in page

    curve, scatter = figures
    labels = [line.get_label() for line in curve.axes[0].lines]
    assert f"no network estimated within {BUDGET:.3f} ms exceeds {most:.2f}" in labels
    assert scatter.axes[0].get_xlim()[1] > told["latency_ms"]

    again = typed(*asked, "--resume", "--json").json
    assert again["optimum_within"] == told["optimum_within"]
    assert again["share_of_optimum"] == told["share_of_optimum"]


def test_a_bound_within_the_budget_names_the_budget(small_folder: Path) -> None:
    told = json.loads((small_folder / "run" / "result.json").read_text("utf-8"))
    page = (small_folder / "run" / "report.html").read_text("utf-8")
    assert "optimum_within" not in told
    ((name, upper),) = data_of(page)["charts"]["history-t"]["bounds"]
    assert upper == told["optimum_at_most"]
    assert name == f"certified optimum within 0.100 GMACs: {upper:.3f}"
    assert f"no network within 0.100 GMACs exceeds {upper:.3f}" in page
