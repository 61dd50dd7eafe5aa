"""How much better a race over a portfolio is than its single optimum and than random networks.

    python -m benchmarks.bench_race DATA --portfolio RUN --random JUDGE --runs FOLDER --epochs 9

DATA has the splits train, val and test. RUN is the folder of `maenas search --portfolio 3`, whose
first network is the optimum of the published score. JUDGE is the folder of `maenas judge --at` with
the same latency, device table, input size, epochs and changes of the recipe, whose data file names
the test split as val: its networks are the random ones.

For each random seed, `maenas race` chooses a network on the val split and trains it to the end, and
the single optimum is trained in the same way. Both are then evaluated on the test split, on which
nothing was chosen. A seed is a row; the same command continues where the last one was stopped, and
rows that exist are kept. Gains are means over the seeds with the 95 % interval of Student's t; the
gain over the random networks is that over their median. `--others SPEC ...` trains other networks
in the same way and writes a table of their own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from math import sqrt
from pathlib import Path
from statistics import mean, median, stdev

from scipy import stats

from benchmarks.entry import (
    CONTINUES,
    Parser,
    existing,
    existing_folder,
    output_folder,
    positive,
    run_main,
)
from benchmarks.machine import commit, maenas, read_csv, result_path, write_csv
from benchmarks.real.meter import run_metered, sessions
from maenas.blocks import load_backbone
from maenas.evidence.race import RESULT_FILE
from maenas.evidence.table import TABLE_FILE

NAME, OTHERS = "race", "race-others"
KEYS = ("data", "side", "epochs", "seed")
COLUMNS = (
    *KEYS,
    *("winner", "race_ap", "race_minutes", "optimum_ap"),
    *("random_ap", "random_best_ap", "random_networks", "commit"),
)
SIDES = ("race", "optimum", "random")
OPTIMUM = "1-max-entropy"
Row = dict[str, str]


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("data", type=existing, help="data set with the splits train, val and test")
    parser.add_argument(
        "--portfolio", type=existing_folder, required=True, help="folder of the search"
    )
    parser.add_argument(
        "--random", type=existing_folder, required=True, help="folder of random networks"
    )
    parser.add_argument("--runs", type=output_folder, required=True, help="folder of all trainings")
    parser.add_argument("--epochs", type=positive, required=True, help="epochs of the last round")
    parser.add_argument("--name", default="", help="name of the data set in the table")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="random seeds")
    parser.add_argument(
        "--others", type=existing, nargs="+", default=[], help="specs to train instead"
    )
    parser.add_argument("--set", action="append", default=[], help="change of the recipe")
    arguments = parser.parse_args()
    if arguments.others:
        measure_others(arguments)
    else:
        for seed in arguments.seeds:
            measure(arguments, seed)
    for line in summary(read_csv(result_path(NAME))):
        print(line)


def measure(arguments: argparse.Namespace, seed: int) -> None:
    """Race and train with one seed, unless the table has its row."""
    spec = load_backbone(arguments.portfolio / OPTIMUM / "best.yaml")
    row: Row = {
        "data": arguments.name or arguments.data.stem,
        "side": str(spec.in_shape[-1]),
        "epochs": str(arguments.epochs),
        "seed": str(seed),
    }
    if any(key_of(each) == key_of(row) for each in read_csv(result_path(NAME))):
        return
    row |= measured(arguments, seed) | {"commit": commit()}
    rows = [*read_csv(result_path(NAME)), row]
    rows.sort(key=key_of)
    write_csv(NAME, rows, COLUMNS)


def measured(arguments: argparse.Namespace, seed: int) -> Row:
    """AP on the test split of what the race chose, the single optimum and the random networks."""
    random = [float(each["acc"]) for each in read_csv(arguments.random / TABLE_FILE)]
    folder = arguments.runs / f"race-{seed}"
    changes = changes_of(arguments)
    race = folder / "run"
    words: list[object] = ["race", arguments.portfolio, "--data", arguments.data]
    words += ["--epochs", arguments.epochs, "--seed", seed, "--out", race, *changes]
    run(words, folder, race / RESULT_FILE)
    winner = json.loads((race / RESULT_FILE).read_text("utf-8"))["winner"]
    row: Row = {"winner": winner, "race_ap": tested(race / "winner", arguments.data)}
    row["race_minutes"] = f"{sum(sessions(folder)) / 60:.1f}"
    if winner == OPTIMUM:  # the same training, so the same weights
        row["optimum_ap"] = row["race_ap"]
    else:
        detector = race / "detectors" / OPTIMUM
        row["optimum_ap"] = alone(arguments, detector, arguments.runs / f"optimum-{seed}", seed)
    row |= {"random_ap": f"{median(random):.4f}", "random_best_ap": f"{max(random):.4f}"}
    return row | {"random_networks": str(len(random))}


def measure_others(arguments: argparse.Namespace) -> None:
    """Train each network of `--others` with every seed, unless the table has its row."""
    for seed in arguments.seeds:
        for source in arguments.others:
            name = Path(source).parent.name if Path(source).name == "best.yaml" else source.stem
            known = {"data": arguments.name or arguments.data.stem, "network": name}
            known |= {"epochs": str(arguments.epochs), "seed": str(seed)}
            rows = read_csv(result_path(OTHERS))
            if any(all(row[key] == known[key] for key in known) for row in rows):
                continue
            folder = arguments.runs / f"{name}-{seed}"
            if not (folder / "detector").exists():
                maenas("build-detector", source, "--out", folder / "detector")
            row = known | {"ap": alone(arguments, folder / "detector", folder, seed)}
            rows = [*read_csv(result_path(OTHERS)), row | {"commit": commit()}]
            rows.sort(key=lambda each: (each["data"], each["network"], each["seed"]))
            write_csv(OTHERS, rows, (*known, "ap", "commit"))


def alone(arguments: argparse.Namespace, detector: Path, folder: Path, seed: int) -> str:
    """AP on the test split of a detector that is trained as the winner of a race is."""
    words: list[object] = ["train", detector, "--data", arguments.data]
    words += ["--epochs", arguments.epochs, "--out", folder / "run"]
    words += [*changes_of(arguments), "--set", f"seed={seed}"]
    run(words, folder, folder / "done")
    (folder / "done").touch()
    return tested(folder / "run", arguments.data)


def changes_of(arguments: argparse.Namespace) -> list[str]:
    """The changes of the recipe as words of a command."""
    return [word for change in arguments.set for word in ("--set", change)]


def run(words: Sequence[object], folder: Path, result: Path) -> None:
    """Run a command that trains, or continue it, unless its result exists."""
    if result.exists():
        return
    print(f"{words[0]}: {folder}", flush=True)
    out = Path(str(words[1 + words.index("--out")]))
    begun = ["--resume"] if out.exists() else []
    command = [sys.executable, "-m", "maenas", *words, *begun, "--compute", "cpu"]
    run_metered(command, folder)


def tested(training: Path, data: Path) -> str:
    """AP of the last weights of a training on the test split."""
    words = ("--data", data, "--split", "test", "--no-save", "--threads", 1, "--json")
    found = json.loads(maenas("val", training / "last", *words))
    return f"{found['ap']:.4f}"


def key_of(row: Row) -> tuple[str, ...]:
    """What tells one row from another."""
    return tuple(row[key] for key in KEYS)


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """The gains of each data set and of both together."""
    groups = {"all": [*rows]} | {data: [] for data in sorted({row["data"] for row in rows})}
    for row in rows:
        groups[row["data"]].append(row)
    for data, group in groups.items():
        means = {each: mean(float(row[f"{each}_ap"]) for row in group) for each in SIDES}
        values = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
        yield f"{data}: {len(group)} seeds; AP of {values}"
        for other in ("optimum", "random"):
            gains = [float(row["race_ap"]) - float(row[f"{other}_ap"]) for row in group]
            yield f"{data}: gain over {other}: {interval(gains)}"


def interval(gains: Sequence[float]) -> str:
    """The mean with the 95 % interval of Student's t."""
    if len(gains) < 2:
        return f"{gains[0]:+.4f}"
    half = stats.t.ppf(0.975, len(gains) - 1) * stdev(gains) / sqrt(len(gains))
    return f"{mean(gains):+.4f} [{mean(gains) - half:+.4f}, {mean(gains) + half:+.4f}]"


if __name__ == "__main__":
    run_main(main, CONTINUES)
