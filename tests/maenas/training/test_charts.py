"""The page of a training while it runs: what is known so far, and what to expect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from maenas.detector.train import EpochResult
from maenas.report.saved import sections_of
from maenas.runs.forecast import forecast
from maenas.training.charts import Charts

ROWS = [
    {"epoch": n, "step": 9 * n, "lr": 0.01, "loss": 1.0, "ap": 0.3 - 0.2 / n, "ap50": 0.5 - 0.3 / n}
    for n in range(1, 13)
]


@dataclass
class Epoch:
    row: dict[str, float]


def about(folder: Path, epochs: int) -> str:
    with Charts(folder, ROWS[:-1], epochs) as charts:
        charts.epoch(cast("EpochResult", Epoch(ROWS[-1])))
    (section,) = sections_of(folder / "results.html")
    return section.body


def test_the_page_shows_the_ap50_to_expect_as_the_terminal_does(tmp_path: Path) -> None:
    end = forecast(ROWS, 16, "ap50")
    assert end is not None
    assert f"at epoch 12. Epoch 12 of 16. AP50 expected at the end: {end}." in about(tmp_path, 16)


def test_the_page_says_nothing_of_the_end_after_it(tmp_path: Path) -> None:
    assert "Epoch 12 of 12. `maenas val" in about(tmp_path, 12)
