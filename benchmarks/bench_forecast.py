"""Does the AP that a training expects at its end come true?

    python -m benchmarks.bench_forecast [results.csv ...] [--column ap50] [--drawn 200]

At each evaluation of each finished training, the estimate that `maenas train` prints is made from
the rows up to there, and compared with the last value of the column. Without files, the trainings
of benchmarks/results/curves and bench_accuracy are read. Drawn curves follow: they saturate as an
exponential or as a power law, start late, are noisy, and some rise once more when mosaic ends.
Prints for each: how many evaluations had an estimate, the share of intervals that hold the last
value, the mean absolute error of the estimates, and that of the evaluations themselves.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.entry import Parser, existing_file, positive, run_main
from benchmarks.machine import RESULTS
from maenas.detector.train.schedule import ScheduleOptions
from maenas.runs.forecast import forecast

STORED = (
    *sorted((RESULTS / "curves").glob("*.csv")),
    RESULTS / "accuracy-amd-epyc-py3.11.csv",
)

Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An evaluation and its estimate, beside the value at the end.

    Attributes:
        error: absolute error of the estimate; None if there was none.
        last_error: absolute error of the evaluation itself, taken as an estimate.
        is_held: whether the interval holds the value at the end; False without an estimate.
    """

    error: float | None
    last_error: float
    is_held: bool


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "files",
        nargs="*",
        type=existing_file,
        metavar="results.csv",
        help="tables of trainings; those in results if none",
    )
    parser.add_argument(
        "--column", choices=("ap", "ap50"), default="ap50", help="column to forecast"
    )
    parser.add_argument("--drawn", type=positive, default=200, help="number of drawn curves")
    given = parser.parse_args()
    files = given.files or STORED
    stored = [outcomes(rows_of(path), given.column) for path in files]
    for path, found in zip(files, stored, strict=True):
        print(f"{path}: {summary(found)}")
    print(f"all {len(stored)} trainings: {summary(each for found in stored for each in found)}")
    random = np.random.default_rng(0)
    drawn = [outcomes(drawn_rows(random), "ap50") for _ in range(given.drawn)]
    print(f"{given.drawn} drawn curves: {summary(each for found in drawn for each in found)}")


def rows_of(path: Path) -> list[Row]:
    """Rows of a `results.csv`; cells without a value are left out."""
    with path.open(encoding="utf-8") as file:
        return [
            {name: float(row[name]) for name in ("epoch", "ap", "ap50") if row[name]}
            for row in csv.DictReader(file)
        ]


def outcomes(rows: Sequence[Row], column: str) -> list[Outcome]:
    """The outcome of each evaluation but the last, in the order of the epochs."""
    epochs = int(rows[-1]["epoch"])
    plain_epochs = ScheduleOptions().plain_epochs_of(epochs)
    end = rows[-1][column]
    found: list[Outcome] = []
    for number, row in enumerate(rows[:-1], 1):
        if column not in row:
            continue
        made = forecast(rows[:number], epochs, column, plain_epochs)
        found.append(
            Outcome(
                error=None if made is None else abs(made.value - end),
                last_error=abs(row[column] - end),
                is_held=made is not None and made.low <= end <= made.high,
            )
        )
    return found


def summary(found: Iterable[Outcome]) -> str:
    """The shares and errors of some outcomes in one line."""
    every = list(found)
    errors = [each.error for each in every if each.error is not None]
    if not errors:
        return f"no estimate at {len(every)} evaluations"
    held = sum(each.is_held for each in every)
    last = [each.last_error for each in every if each.error is not None]
    return (
        f"{len(errors)} of {len(every)} evaluations have an estimate, {held / len(errors):.0%} of "
        f"the intervals hold the end, mean error {np.mean(errors):.3f} "
        f"({np.mean(last):.3f} if the evaluation itself is the estimate)"
    )


def drawn_rows(random: np.random.Generator) -> list[Row]:
    """Rows of a drawn training of 10 to 300 epochs, evaluated as often as a real one."""
    epochs = int(random.choice([10, 20, 40, 60, 100, 300]))
    every, time = max(1, min(10, epochs // 10)), np.arange(1, epochs + 1)
    top, rate = random.uniform(0.2, 0.95), np.exp(random.uniform(np.log(2.5), np.log(20)))
    shape = 1 - np.exp(-rate * time / epochs)
    if random.random() < 0.5:
        shape = 1 - (1 + rate * time / epochs) ** -random.uniform(0.5, 2)
    late = np.clip(time / (random.uniform(0.01, 0.15) * epochs), 0, 1) ** 2
    since = time - epochs + ScheduleOptions().plain_epochs_of(epochs)
    jump = random.choice([0, 0, 0.05, 0.1, 0.2]) * (1 - top)
    clean = top * shape * late + jump * (1 - np.exp(-np.maximum(since, 0) / 3))
    values = np.clip(clean + random.normal(0, random.choice([0.003, 0.01, 0.02]), epochs), 0, 1)
    last = ScheduleOptions().last_epochs_of(epochs)
    return [
        {"epoch": float(epoch), "ap50": float(value)}
        if epoch % every == 0 or epoch > epochs - last
        else {"epoch": float(epoch)}
        for epoch, value in zip(time, values, strict=True)
    ]


if __name__ == "__main__":
    run_main(main)
