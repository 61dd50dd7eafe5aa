"""What inherited weights are worth: short trainings with them against long ones without.

    python -m benchmarks.bench_inherit REAL --runs FOLDER [--targets bccd neu-det] [--seeds 0 1 2]
    python -m benchmarks.bench_inherit REAL --runs FOLDER --targets general [--seeds 0 1 2]
    python -m benchmarks.bench_inherit REAL --runs FOLDER --table

REAL is a folder with the data sets bccd, deeppcb, neu-det and coco256, of which 200 images of each
split are used. The source of weights is Ns; the detector that inherits has other widths, depths and
kernels. For each target, it is trained

- long, from random weights, and for a quarter of the epochs from random weights;
- for a quarter of the epochs with the weights of a source that was trained long on deeppcb (another
  data set), and on the target itself (within one set).

`--variants` adds the last of these without mosaic and mixup, and with half the learning rate.

The target `general` is another question: a general detector, Ns trained long on the 92 classes of
coco256, deeppcb and neu-det together (random seed 0), is fine-tuned to the three classes of bccd,
none of which it knows, for 2, 5, 10 and 20 epochs, beside Ns from random weights; and the other
detector inherits from it, for 10 epochs.

All are trained at 224 pixels on one thread; the last moving average is judged on the val split. A
training takes some minutes. The same command continues where the last one was stopped; a training
that ends leaves `row.json` in its folder, and the table is made from these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.entry import CONTINUES, Parser, existing_folder, output_folder, run_main
from benchmarks.machine import commit, maenas, write_csv
from benchmarks.partial.small_training import judged, steps_of, train_small
from benchmarks.partial.views import some_images, write_union
from benchmarks.real.meter import sessions
from maenas.blocks import Mob, load_backbone
from maenas.blocks.backbone_file import dump_backbone

TARGETS = ("bccd", "neu-det")
OTHER = "deeppcb"
GENERAL = "general"
PARTS = ("coco256", "deeppcb", "neu-det")  # data sets of the general detector
NEW, BUDGETS = "bccd", (2, 5, 10, 20)  # what it is fine-tuned to, and in how many epochs
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
VARIANTS = {
    "plain": ("augmentation.mosaic=0", "augmentation.mixup=0"),
    "half-lr": ("optimizer.lr=0.002", "optimizer.least_lr=0.001"),
}
COLUMNS = ("data", "training", "seed", "epochs", "steps", "ap", "ap50", "minutes", "commit")


@dataclass(frozen=True, slots=True)
class Task:
    """One training.

    Attributes:
        data: name of the data set to learn and to be judged on.
        name: name of the training.
        seed: random seed.
        detector: detector to train.
        epochs: number of epochs.
        init: folder of the training whose weights are inherited; "" without one.
        changes: settings of the recipe that differ from those of the other trainings.
    """

    data: str
    name: str
    seed: int
    detector: str
    epochs: int
    init: str = ""
    changes: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Name of the folder of the training."""
        return f"{self.name}-seed-{self.seed}"


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("real", type=existing_folder, help="folder of the data sets")
    parser.add_argument("--runs", type=output_folder, required=True, help="folder of all trainings")
    parser.add_argument(
        "--targets", nargs="+", choices=(*TARGETS, GENERAL), default=TARGETS, help="targets"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="random seeds")
    parser.add_argument(
        "--variants", action="store_true", help="add short trainings with other settings"
    )
    parser.add_argument("--table", action="store_true", help="only make the table")
    arguments = parser.parse_args()
    runs = arguments.runs.absolute()
    runs.mkdir(parents=True, exist_ok=True)
    if not arguments.table:
        detector = different(runs)
        tasks = [
            task
            for seed in arguments.seeds
            for task in tasks_of(arguments.targets, seed, detector, arguments.variants)
        ]
        for name in {task.data for task in tasks}:  # all are read before the first training
            data_of(name, arguments.real, runs)
        for task in tasks:
            learn(task, arguments.real, runs)
    found = [json.loads(path.read_text("utf-8")) for path in sorted(runs.glob("*/row.json"))]
    rows = [{name: each[name] for name in COLUMNS} for each in found]
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


def tasks_of(
    targets: Sequence[str], seed: int, detector: str, has_variants: bool
) -> Iterator[Task]:
    """The trainings of one seed, sources first."""
    if GENERAL in targets:
        yield from general_tasks(seed, detector)
    others = [data for data in targets if data != GENERAL]
    other = Task(OTHER, f"source-{OTHER}", seed, SOURCE, LONG)
    if others:
        yield other
    for data in others:
        same = Task(data, f"source-{data}", seed, SOURCE, LONG)
        yield same
        yield Task(data, f"random-{data}-long", seed, detector, LONG)
        yield Task(data, f"random-{data}-short", seed, detector, SHORT)
        yield Task(data, f"across-{data}-short", seed, detector, SHORT, other.folder)
        within = Task(data, f"within-{data}-short", seed, detector, SHORT, same.folder)
        yield within
        for name, changes in VARIANTS.items() if has_variants else ():
            yield replace(within, name=f"{within.name}-{name}", changes=changes)


def general_tasks(seed: int, detector: str) -> Iterator[Task]:
    """The general detector, what fine-tuning makes of it, and another one that inherits from it."""
    source = Task(GENERAL, f"source-{GENERAL}", 0, SOURCE, LONG)
    yield source
    for epochs in BUDGETS:
        yield Task(NEW, f"fine-tuned-{epochs:02}", seed, SOURCE, epochs, source.folder)
        yield Task(NEW, f"random-ns-{epochs:02}", seed, SOURCE, epochs)
    yield Task(NEW, f"general-{NEW}-short", seed, detector, SHORT, source.folder)
    yield Task(NEW, f"random-{NEW}-short", seed, detector, SHORT)


def data_of(name: str, real: Path, runs: Path) -> Path:
    """The data set of a training: some images of one, or the union of those of several."""
    counts = {"train": IMAGES, "val": IMAGES}
    if name != GENERAL:
        return some_images(real / name, runs / "data" / name, counts)
    path = runs / "data" / "union.yaml"
    if not path.exists():
        write_union(path, [data_of(part, real, runs).parent for part in PARTS])
    return path


def learn(task: Task, real: Path, runs: Path) -> None:
    """Train and judge a detector, unless it was; leaves `row.json`."""
    folder = runs / task.folder
    if (folder / "row.json").exists():
        return
    print(f"{task.name}, seed {task.seed}: {folder}", flush=True)
    data = data_of(task.data, real, runs)
    init = runs / task.init / "run" / "last" if task.init else None
    changes = (f"seed={task.seed}", *task.changes)
    run = train_small(folder, task.detector, data, SIDE, task.epochs, changes, init)
    row = {
        **{"data": task.data, "training": task.name, "seed": task.seed, "epochs": task.epochs},
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
    run_main(main, CONTINUES)
