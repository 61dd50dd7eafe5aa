"""The page on evidence against the rows of its benchmark."""

from __future__ import annotations

import csv

from benchmarks.bench_evidence import PAGE, TABLE, Evidence, as_markdown


def test_the_table_of_the_page_is_that_of_the_rows() -> None:
    with TABLE.open(encoding="utf-8") as file:
        rows = [
            Evidence(
                row["comparison"],
                row["feature"],
                *(float(row[name]) for name in ("value", "low", "high")),
                networks=int(row["networks"]),
            )
            for row in csv.DictReader(file)
        ]
    assert as_markdown(rows) in PAGE.read_text(encoding="utf-8")
