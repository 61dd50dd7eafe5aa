"""What a detector without NMS loses: AP of a one-to-one head beside an ordinary one.

    python -m benchmarks.bench_one_to_one DATA --side 192 --epochs 60 [--seeds 0] [--work FOLDER]

For each random seed the nano detector of `bench_assigners` is trained from random weights with an
ordinary head and with a one-to-one head, on the same images and with the same recipe. The last
weights of each are evaluated on the validation images: the ordinary head with NMS, and both
branches of the other one, the one-to-many branch with NMS and the one-to-one branch without. One
row of the table is one random seed. Rows that exist are not measured again, and an interrupted
training is continued.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.bench_assigners import nano_spec
from benchmarks.entry import CONTINUES, Parser, existing, output_folder, positive, run_main
from benchmarks.machine import commit, maenas, read_csv, result_path, write_csv
from maenas.detector.checkpoints.checkpoint import SPEC_FILE, save_folder

NAME = "one-to-one"
KEYS = ("data", "side", "epochs", "seed")
WAYS = ("ordinary", "one_to_many", "one_to_one")  # the first two with NMS
COLUMNS = (*KEYS, *(f"{way}_{score}" for way in WAYS for score in ("ap", "ap50")), "commit")
Row = dict[str, str]


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("data", type=existing, help="data set with the splits train and val")
    parser.add_argument("--side", type=positive, default=192, help="side of the input in pixels")
    parser.add_argument("--epochs", type=positive, default=60, help="epochs of a training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="random seeds")
    parser.add_argument(
        "--work",
        type=output_folder,
        default="runs/bench-one-to-one",
        help="folder of all trainings",
    )
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        known: Row = {"data": arguments.data.stem, "seed": str(seed)}
        known |= {"side": str(arguments.side), "epochs": str(arguments.epochs)}
        if any(_key(row) == _key(known) for row in read_csv(result_path(NAME))):
            continue
        row = known | measured(arguments, seed) | {"commit": commit()}
        rows = [*read_csv(result_path(NAME)), row]
        write_csv(NAME, sorted(rows, key=_key), COLUMNS)
    for line in summary(read_csv(result_path(NAME))):
        print(line)


def measured(arguments: argparse.Namespace, seed: int) -> Row:
    """Train both detectors; AP and AP50 of their last weights, by column of the table."""
    place = arguments.work / f"{arguments.data.stem}-{arguments.side}-{arguments.epochs}"
    found: Row = {}
    for head, branches in (
        ("ordinary", {"ordinary": ()}),
        (
            "one-to-one",
            {
                "one_to_many": ("--branch", "one-to-many"),
                "one_to_one": ("--branch", "one-to-one"),
            },
        ),
    ):
        run = learned(arguments, head, seed, place)
        for way, branch in branches.items():
            options = ("--json", "--no-save", *branch)
            scores = json.loads(maenas("val", run / "last", "--data", arguments.data, *options))
            found |= {f"{way}_{name}": f"{scores[name]:.4f}" for name in ("ap", "ap50")}
    return found


def learned(arguments: argparse.Namespace, head: str, seed: int, place: Path) -> Path:
    """Train a detector with this head, or continue it; returns the run."""
    detector, run = place / f"{head}-detector", place / f"{head}-{seed}"
    if not (detector / SPEC_FILE).exists():
        spec = nano_spec()
        one = replace(spec.head, one_to_one=head == "one-to-one")
        save_folder(detector, replace(spec, head=one), None)
    what = ("--data", arguments.data, "--input-size", arguments.side, "--epochs", arguments.epochs)
    how = ("--recipe", "ns", "--set", f"seed={seed}", "--workers", 0, "--compute", "cpu")
    maenas("train", detector, *what, *how, "--out", run, "--resume")
    return run


def summary(rows: Sequence[Row]) -> list[str]:
    """Mean AP of each way of each data set, and what is lost without NMS."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(_key(row)[:-1], []).append(row)
    lines = []
    for (data, side, epochs), some in found.items():
        means = {
            way: 100 * statistics.mean(float(row[f"{way}_ap"]) for row in some) for way in WAYS
        }
        lost = means["one_to_one"] - means["ordinary"]
        lines.append(
            f"{data} at {side}, {epochs} epochs, {len(some)} seeds: ordinary head with NMS AP "
            f"{means['ordinary']:.1f}, one-to-many branch with NMS {means['one_to_many']:.1f}, "
            f"one-to-one branch without NMS {means['one_to_one']:.1f} ({lost:+.1f})"
        )
    return lines


def _key(row: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in KEYS)


if __name__ == "__main__":
    run_main(main, CONTINUES)
