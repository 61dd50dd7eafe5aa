"""What scores are worth on a real data set: tables of `maenas judge`, judged again.

    python -m benchmarks.bench_judge [--take NAME=RUN ...] [--device T.json] [--draws 400] [--write]

`--take` copies the tables of a run of `maenas judge` into `results/judge`, under one of the names
in `RUNS`; docs/explanation/evidence.md has the commands of these runs. With `--device`, the table
that priced the networks, each network is measured as well, at the speed that the device had when it
was profiled; nothing else should run meanwhile. Without `--take`, the tables there
are judged: networks of equal cost by Spearman's rank correlation, and pairs of nearly equal depth
among them by their concordance. Brackets hold 95 % of the bootstrap draws. Short against long
trainings, and two random seeds of the same networks, are compared by Spearman's correlation too:
its square root is what noise leaves for a score without error. `--write` renews the table of the
page and its chart.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.bench_evidence import DOCS, PAGE, SHOWN, Evidence, cell, draw, evidence
from benchmarks.entry import Parser, existing_file, existing_folder, one_of, positive, run_main
from benchmarks.machine import RESULTS, commit, maenas, read_csv
from maenas.evidence.agreement import DRAWS, FEWEST, Estimate, Networks, attainable
from maenas.evidence.table import (
    TABLE_FILE,
    TRAININGS_FILE,
    comparisons_of,
    read_table,
    write_table,
)
from maenas.evidence.verdict import paired
from maenas.nas.scores.load import PASSES

TABLES = RESULTS / "judge"
RUNS = {
    "free-depth": ("steel, 64 pixels, equal MACs", "macs"),
    "equal-depth": ("steel, 64 pixels, equal MACs, drawn at one depth", "macs"),
    "latency": ("steel, 96 pixels, equal CPU latency", "latency_ms"),
    "blood-cells": ("blood cells, 96 pixels, equal CPU latency", "latency_ms"),
}  # titles on the page, and the column of the cost
FEATURES = (*SHOWN[:4], "log-macs", *SHOWN[4:], *PASSES, "az-nas")
MEASURED = "measured_ms"
CHART = DOCS / "images" / "judge.png"
BEGIN, END = "<!-- table of bench_judge -->", "<!-- end of the table of bench_judge -->"


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "--take", type=named_run, nargs="+", default=[], metavar="NAME=RUN", help="runs to copy"
    )
    parser.add_argument(
        "--device", type=existing_file, help="table to measure the networks of --take with"
    )
    parser.add_argument(
        "--draws", type=positive, default=DRAWS, help="bootstrap draws per interval"
    )
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.name}")
    arguments = parser.parse_args()
    for name, run in arguments.take:
        take(name, run)
        if arguments.device is not None:
            measure(name, run, arguments.device)
    found: list[Evidence] = []
    lines = []
    for name, (title, cost) in RUNS.items():
        folder = TABLES / name
        if not (folder / TABLE_FILE).exists():
            continue
        for networks in compared(folder, title, cost):
            shown = [each for each in FEATURES if np.ptp(networks.features.get(each, 0.0))]
            found += [evidence(networks, each, arguments.draws) for each in shown]
            lines += groups_note(networks)
        lines += [f"- {title}: {line}." for line in notes(folder)]
    text = "\n".join([*by_feature(found), "", *lines])
    print(text)
    if arguments.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
        draw(found, CHART, columns=3)


def by_feature(found: Sequence[Evidence]) -> Iterator[str]:
    """The lines of the table of the page: a feature a row, a comparison a column."""
    names = list(dict.fromkeys(each.comparison for each in found))
    yield "| score | " + " | ".join(names) + " |"
    yield "|---" * (1 + len(names)) + "|"
    for feature in FEATURES:
        cells = {each.comparison: each for each in found if each.feature == feature}
        if cells:
            yield f"| {feature} | " + " | ".join(cell(cells.get(name)) for name in names) + " |"


def named_run(words: str) -> tuple[str, Path]:
    """The name and the folder of a run of `maenas judge`, from NAME=RUN."""
    name, _, run = words.partition("=")
    return one_of(RUNS)(name), existing_folder(run)


def take(name: str, run: Path) -> None:
    """Copy the tables of a run, with the commit that they were taken at."""
    folder = TABLES / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / TABLE_FILE, folder / TABLE_FILE)
    rows = [row | {"commit": commit()} for row in read_csv(run / TRAININGS_FILE)]
    write_table(folder / TRAININGS_FILE, rows)


def measure(name: str, run: Path, device: Path) -> None:
    """Add the measured latency of each network to the copied table."""
    rows = read_csv(TABLES / name / TABLE_FILE)
    for row in rows:
        words = ("measure", run / "networks" / row["network"], "--device", device, "--json")
        found = json.loads(maenas(*words))
        speed = found["predicted"]["device_speed"]
        row[MEASURED] = f"{speed * found['latency_ms']['p50']:.4f}"
    write_table(TABLES / name / TABLE_FILE, rows)


def compared(folder: Path, title: str, cost: str) -> Iterator[Networks]:
    """The comparisons of a run, with titles of the page."""
    for networks in comparisons_of(folder / TABLE_FILE, "acc", cost):
        name = networks.name.replace(f"equal {cost}", title)
        yield Networks(name, networks.accuracy, networks.features, networks.groups, networks.cost)


def groups_note(networks: Networks) -> list[str]:
    """Line with the networks in groups that are large enough, where some are in smaller ones."""
    if networks.groups is None:
        return []
    sizes = np.unique(networks.groups, return_counts=True)[1]
    large = sizes[sizes >= FEWEST]
    if large.sum() == len(networks.accuracy):
        return []
    compared = f"{large.sum()} networks in {len(large)} groups of {FEWEST} or more"
    return [f"- {networks.name}: {compared}."]


def notes(folder: Path) -> Iterator[str]:
    """How many networks there are, how far their AP differs, and how well trainings agree."""
    table = read_table(folder / TABLE_FILE)
    reached = table["acc"]
    low, middle, high = (f"{100 * each:.1f}" for each in np.percentile(reached, (0, 50, 100)))
    yield f"{len(reached)} networks, AP {low} to {high}, median {middle}"
    if MEASURED in table:
        values = table[MEASURED]
        spread = 100 * float(values.std() / values.mean())
        yield (
            f"measured latency {values.min():.2f} to {values.max():.2f} ms, standard deviation "
            f"{spread:.1f} %"
        )
    if "short_acc" in table:
        known = np.isfinite(table["short_acc"])
        agreed = paired(table["short_acc"][known], reached[known])
        if agreed is not None:
            yield f"short and long trainings agree by {words_of(agreed)}"
    first, second = two_seeds(read_csv(folder / TRAININGS_FILE))
    agreed = paired(np.array(first), np.array(second))
    if agreed is not None:
        yield (
            f"two random seeds of {len(first)} networks agree by {words_of(agreed)}, so that a "
            f"score without error would by {words_of(attainable(agreed))}"
        )


def two_seeds(trainings: Sequence[dict[str, str]]) -> tuple[list[float], list[float]]:
    """AP of the networks whose long training was run with two random seeds, for each seed."""
    longest = max(int(row["epochs"]) for row in trainings)
    by_network: dict[str, list[float]] = {}
    for row in sorted(trainings, key=lambda row: int(row["seed"])):
        if int(row["epochs"]) == longest:
            by_network.setdefault(row["network"], []).append(float(row["ap"]))
    pairs = [each for each in by_network.values() if len(each) == 2]
    return [first for first, _ in pairs], [second for _, second in pairs]


def words_of(found: Estimate) -> str:
    """An estimate with its interval."""
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


if __name__ == "__main__":
    run_main(main)
