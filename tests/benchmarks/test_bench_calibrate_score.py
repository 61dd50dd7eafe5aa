"""The table of the page on evidence against the rows of the benchmark of calibrated scores."""

from __future__ import annotations

import csv

from benchmarks.bench_calibrate_score import COUNTS, TABLE
from benchmarks.bench_portfolio import TABLES
from tests.pages.page import DOCS


def test_the_table_of_the_page_holds_the_rows() -> None:
    page = (DOCS / "explanation" / "evidence.md").read_text(encoding="utf-8")
    with TABLE.open(encoding="utf-8") as file:
        rows = {(row["table"], int(row["trained"])): row for row in csv.DictReader(file)}
    for count in COUNTS:
        cells = [f"{float(rows[name, count]['spearman_of_the_rest']):.2f}" for name, _ in TABLES]
        assert f"| {count} | {' | '.join(cells)} |" in page
