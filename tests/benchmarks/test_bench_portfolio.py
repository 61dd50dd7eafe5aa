"""The table of the page on evidence against the rows of the benchmark of portfolios."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from benchmarks.bench_portfolio import TABLE, TABLES, in_bands
from tests.pages.page import DOCS


def test_the_table_of_the_page_holds_the_rows() -> None:
    page = (DOCS / "explanation" / "evidence.md").read_text(encoding="utf-8")
    with TABLE.open(encoding="utf-8") as file:
        rows = {(row["table"], row["choice"]): row for row in csv.DictReader(file)}
    for choice in {choice for _, choice in rows}:
        line = next(each for each in page.splitlines() if each.startswith(f"| {choice} |"))
        for name, _ in TABLES:
            row = {
                key: float(rows[name, choice][key]) for key in ("share", "share_low", "share_high")
            }
            low, high = row["share_low"], row["share_high"]
            assert f"{row['share']:.2f} [{low:.2f}, {high:.2f}]" in line


@pytest.mark.parametrize("name", [name for name, _ in TABLES])
def test_the_portfolio_reaches_three_quarters_and_beats_the_single_optimum(name: str) -> None:
    with TABLE.open(encoding="utf-8") as file:
        rows = {(row["table"], row["choice"]): row for row in csv.DictReader(file)}
    found = rows[name, "portfolio of 3"]
    assert float(found["share"]) >= 0.75
    assert float(found["paired_low"]) > 0


def test_a_share_is_relative_to_mean_and_best_of_its_band() -> None:
    accuracy = np.array([*range(10), *range(0, 20, 2)], dtype=np.float64)
    bands = np.repeat([1, 2], 10)
    found = in_bands(accuracy, bands, lambda members: members[[0, 8]])
    assert found.values == pytest.approx([(8 - 4.5) / 4.5, (16 - 9) / 9])
