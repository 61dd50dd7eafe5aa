"""What inherited weights are worth: short trainings with them against long ones without.

    python -m benchmarks.bench_inherit REAL --runs FOLDER [--targets bccd neu-det] [--seeds 0 1 2]
    python -m benchmarks.bench_inherit REAL --runs FOLDER --table

REAL is a folder with the data sets bccd, deeppcb and neu-det, of which 200 images of each split are
used. The source of weights is Ns; the detector that inherits has other widths, depths and kernels.
For each target, it is trained

- long, from random weights, and for a quarter of the epochs from random weights;
- for a quarter of the epochs with the weights of a source that was trained long on deeppcb (another
  data set), and on the target itself (within one set).

All are trained at 224 pixels on one thread; the last moving average is judged on the val split. A
training takes some minutes. The same command continues where the last one was stopped; a training
that ends leaves `row.json` in its folder, and the table is made from these.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.machine import commit, maenas, write_csv
from benchmarks.partial.small_training import judged, steps_of, train_small
from benchmarks.partial.views import some_images
from benchmarks.real.meter import sessions
from maenas.blocks import Mob, load_backbone
from maenas.blocks.backbone_file import dump_backbone

TARGETS = ("bccd", "neu-det")
OTHER = "deeppcb"
SOURCE = "zoo:damo-yolo-ns"
SIDE, LONG = 224, 40
IMAGES = 200  # of each split
SHORT = LONG // 4
# Fields of stages of Ns that differ in the detector that inherits, by the index of the stage.
DIFFERENT: dict[int, dict[str, Any]] = {
    1: {"out_channels": 32, "kernel_size": 3},
    2: {"out_channels": 32, "depth": 3},
    3: {"out_channels": 80, "depth": 2},
    4: {"out_channels": 96, "depth": 3},
    5: {"out_channels": 144, "depth": 1},
}
COLUMNS = ("data", "training", "seed", "epochs", "steps", "ap", "ap50", "minutes", "commit")


@dataclass(frozen=True, slots=True)
class Task:
    """One training.

    Attributes:
        data: name of the data set to learn and to be judged on.
        name: name of the training.
        detector: detector to train.
        epochs: number of epochs.
        init: name of the training of the same seed whose weights are inherited; "" without one.
    """

    data: str
    name: str
    detector: str
    epochs: int
    init: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("real", type=Path, help="folder of the data sets")
    parser.add_argument("--runs", type=Path, required=True, help="folder of all trainings")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=TARGETS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--table", action="store_true", help="only make the table")
    arguments = parser.parse_args()
    runs = arguments.runs.absolute()
    runs.mkdir(parents=True, exist_ok=True)
    if not arguments.table:
        try:
            for seed in arguments.seeds:
                for task in tasks_of(arguments.targets, different(runs)):
                    learn(task, seed, arguments.real, runs)
        except KeyboardInterrupt:
            print("interrupted; the same command continues", file=sys.stderr)
            raise SystemExit(130) from None
    rows = [json.loads(path.read_text("utf-8")) for path in sorted(runs.glob("*/row.json"))]
    print(write_csv("inherit", rows, COLUMNS))
    for line in summary(rows):
        print(line)


def different(runs: Path) -> str:
    """File of the backbone that inherits."""
    path = runs / "different.yaml"
    if not path.exists():
        backbone = load_backbone(SOURCE)
        stages = list(backbone.stages)
        for index, fields in DIFFERENT.items():
            stage = stages[index]
            assert isinstance(stage, Mob)
            stages[index] = replace(stage, **fields)
        dump_backbone(replace(backbone, stages=tuple(stages)), path)
        # The scale is that of the source, whatever the cost of the changed backbone.
        words = ("build-detector", path, "--template", "ns", "--out", runs / "different")
        maenas(*words)
    return str(runs / "different")


def tasks_of(targets: tuple[str, ...], detector: str) -> Iterator[Task]:
    """The trainings of one seed, sources first."""
    yield Task(OTHER, f"source-{OTHER}", SOURCE, LONG)
    for data in targets:
        yield Task(data, f"source-{data}", SOURCE, LONG)
        yield Task(data, f"random-{data}-long", detector, LONG)
        yield Task(data, f"random-{data}-short", detector, SHORT)
        yield Task(data, f"across-{data}-short", detector, SHORT, f"source-{OTHER}")
        yield Task(data, f"within-{data}-short", detector, SHORT, f"source-{data}")


def learn(task: Task, seed: int, real: Path, runs: Path) -> None:
    """Train and judge a detector, unless it was; leaves `row.json`."""
    folder = runs / f"{task.name}-seed-{seed}"
    if (folder / "row.json").exists():
        return
    print(f"{task.name}, seed {seed}: {folder}", flush=True)
    data = some_images(
        real / task.data, runs / "data" / task.data, {"train": IMAGES, "val": IMAGES}
    )
    init = runs / f"{task.init}-seed-{seed}" / "run" / "last" if task.init else None
    changes = (f"seed={seed}",)
    run = train_small(folder, task.detector, data, SIDE, task.epochs, changes, init)
    row = {
        **{"data": task.data, "training": task.name, "seed": seed, "epochs": task.epochs},
        "steps": steps_of(run),
        **judged(run / "last", data, "val"),
        "minutes": round(sum(sessions(folder)) / 60, 1),
        "commit": commit(),
    }
    part = folder / "row.json.part"
    part.write_text(json.dumps(row), encoding="utf-8")
    part.replace(folder / "row.json")


def summary(rows: list[dict[str, Any]]) -> Iterator[str]:
    """One line for each training: mean AP over the seeds, and its spread."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["data"], row["training"]), []).append(row)
    for (data, name), group in sorted(groups.items()):
        of_seeds = [row["ap"] for row in group]
        spread = f" +- {stdev(of_seeds):.2f}" if len(of_seeds) > 1 else ""
        yield (
            f"{data}: {name}: AP {mean(of_seeds):.2f}{spread}, AP50 "
            f"{mean(row['ap50'] for row in group):.2f}, {group[0]['epochs']} epochs "
            f"({len(group)} seeds)"
        )


if __name__ == "__main__":
    main()
