"""The table of a training run: losses and AP of each epoch."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.plain_file import MIB, read_text
from maenas.runs.folders import TRAINING, TRAINING_TABLE

LIMIT = 16 * MIB


def training_in(run: Path) -> Path:
    """The folder of the training in a run of `maenas run`; any other folder itself."""
    inner = run / TRAINING
    return inner if (inner / TRAINING_TABLE).is_file() else run


def best_row(rows: Sequence[Mapping[str, float]]) -> Mapping[str, float] | None:
    """The row of the epoch whose detector is `best`: the first one with the highest AP.

    While nothing is found yet, later weights are the better ones: of rows with AP 0 it is the last.

    Args:
        rows: values of each epoch, with AP where it was evaluated.
    Returns:
        The row; None if no epoch was evaluated.
    """
    judged = [row for row in rows if "ap" in row]
    best = max(judged, key=lambda row: row["ap"], default=None)
    return judged[-1] if best is not None and best["ap"] <= 0 else best


def training_rows(run: Path) -> list[dict[str, float]]:
    """The numbers of each epoch by column; AP only where it was evaluated, [] without a table.

    Raises:
        SpecError: if the table is damaged.
    """
    path = run / TRAINING_TABLE
    if not path.is_file():
        return []
    text = read_text(path, limit=LIMIT)
    with parsing(path, hint=f"`maenas train --resume --out {run}` writes it again"):
        rows = list(csv.DictReader(StringIO(text), strict=True))
        for number, row in enumerate(rows, 2):
            if None in row or None in row.values():
                raise ValueError(f"line {number} has another number of values than the first")
        if not text.endswith("\n"):
            raise ValueError("ends in the middle of a line")
        return [{name: float(value) for name, value in row.items() if value} for row in rows]
