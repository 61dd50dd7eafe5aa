"""What masks of unlabelled classes are worth: one detector over data sets that disagree.

    python -m benchmarks.bench_union REAL --runs FOLDER [--study shapes rare boards halves defects]
    python -m benchmarks.bench_union REAL --runs FOLDER --table

REAL is a folder with the data sets coco256, bccd, deeppcb and neu-det. There are five studies:

- halves: the images and the 20 most frequent classes of coco256 are dealt out to two sources, so
  that each source labels every second image and half of the classes. Detectors learn from the union
  as it is learned by default, with masks only, where an object is no negative of classes that its
  source does not label (`loss.exclusive=false`), from the naive union, in which what is not
  labelled is absent, and from each source.
- boards: the same with the 6 classes of deeppcb, which a small detector learns sooner.
- shapes: the same with images that `maenas data make-shapes` draws.
- rare: four classes of drawn shapes are frequent, four are in a few images only. Detectors learn
  with every image once an epoch, and with class-aware sampling; the rare classes are judged apart.
- defects: one detector over bccd, deeppcb and neu-det, with their 15 classes, against three.

The detectors are Ns from random weights, at 224 pixels or, for shapes, at 96, on one thread. In
a study all take the same number of steps; over three data sets, one takes as many as the three. The
last moving average is judged with all labels, on new images (the val splits) and, for halves, also
on the learned ones, where it must find what was not labelled.

A training takes some minutes. The same command continues where the last one was stopped, with
SIGTERM or Ctrl-C; a training that ends leaves `rows.json` in its folder, and the table is made from
these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.entry import CONTINUES, Parser, existing_folder, output_folder, run_main
from benchmarks.machine import commit, maenas, write_csv
from benchmarks.partial.small_training import RARE, judged, steps_of, train_small
from benchmarks.partial.views import FEW, cut_in_halves, joined_sets, some_images, write_union
from benchmarks.real.meter import sessions

STUDIES = ("shapes", "rare", "boards", "halves", "defects")
DEFECTS = ("bccd", "deeppcb", "neu-det")
MODEL = "zoo:damo-yolo-ns"
SIDES = {"shapes": 96, "rare": 96}  # pixels
SIDE = 224  # pixels, of the other studies
# Epochs of all images of the study.
EPOCHS = {"shapes": 20, "rare": 24, "boards": 30, "halves": 60, "defects": 30}
IMAGES = 200  # images of each split of a data set of defects, and of shapes
TAIL = 60  # images with rare classes
COLUMNS = (
    "study",
    "trained_on",
    "judged_on",
    "seed",
    "steps",
    "ap",
    "ap50",
    "ap_rare",
    "minutes",
    "commit",
)


@dataclass(frozen=True, slots=True)
class Task:
    """One training and what it is judged on.

    Attributes:
        study: name of the study.
        name: name of the training within the study.
        data: data set to learn.
        epochs: number of epochs.
        judges: data sets and splits to evaluate on, by name.
        changes: settings of the recipe that differ in this training.
    """

    study: str
    name: str
    data: Path
    epochs: int
    judges: dict[str, tuple[Path, str]]
    changes: tuple[str, ...] = ()

    def folder(self, runs: Path, seed: int) -> Path:
        """Folder of the training."""
        return runs / self.study / f"{self.name}-{self.epochs}-epochs-seed-{seed}"


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("real", type=existing_folder, help="folder of the data sets")
    parser.add_argument("--runs", type=output_folder, required=True, help="folder of all trainings")
    parser.add_argument("--study", nargs="+", choices=STUDIES, default=STUDIES, help="studies")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="random seeds")
    parser.add_argument("--table", action="store_true", help="only make the table")
    arguments = parser.parse_args()
    runs = arguments.runs.absolute()
    if not arguments.table:
        studies = {study: list(tasks_of(study, arguments.real, runs)) for study in arguments.study}
        for seed in arguments.seeds:
            for tasks in studies.values():
                for task in tasks:
                    learn(task, seed, runs)
                    print(table(runs), flush=True)
    print(table(runs))
    for line in summary(rows_of(runs)):
        print(line)


def tasks_of(study: str, real: Path, runs: Path) -> Iterator[Task]:
    """The trainings of a study."""
    folder, epochs = runs / "data" / study, EPOCHS[study]
    if study == "defects":
        learned, judged_on = (
            {name: some_images(real / name, folder / kind / name, counts) for name in DEFECTS}
            for kind, counts in (
                ("learned", {"train": IMAGES, "val": FEW}),
                ("judged", {"train": 1, "val": IMAGES}),
            )
        )
        union = folder / "union.yaml"
        if not union.exists():
            write_union(union, [part.parent for part in learned.values()])
        judges = {name: (part, "val") for name, part in judged_on.items()}
        yield Task(study, "union", union, epochs, judges)
        for name, part in learned.items():
            yield Task(study, name, part, epochs, {name: judges[name]})
        return
    if study == "rare":
        tail = long_tail(folder)
        judges = {"new images": (tail, "val")}
        yield Task(study, "every-image-once", tail, epochs, judges)
        yield Task(study, "class-aware", tail, epochs, judges, ("sampling.class_aware=0.2",))
        return
    if study == "shapes":
        data = shapes(folder / "drawn", images=2 * IMAGES, classes=6)
    else:
        data = real / "coco256" if study == "halves" else real / "deeppcb"
    if study == "boards":
        data = some_images(data, folder / "some", {"train": IMAGES, "val": IMAGES})
    halves = cut_in_halves(data, folder)
    full = {"new images": (halves.full, "val"), "learned images": (halves.full, "train")}
    yield Task(study, "union", halves.union, epochs, full)
    yield Task(study, "masks-only", halves.union, epochs, full, ("loss.exclusive=false",))
    yield Task(study, "naive", halves.naive, epochs, full)
    for number, alone in enumerate(halves.alone):  # half of the images, so twice the epochs
        yield Task(study, f"source-{number}", alone, 2 * epochs, full)


def shapes(folder: Path, images: int, classes: int, seed: int = 0) -> Path:
    """A drawn data set."""
    if not folder.exists():
        words = ("--level", "easy", "--images", images, "--classes", classes)
        side = ("--size", SIDES["shapes"], "--seed", seed)
        maenas("data", "make-shapes", "--out", folder, *words, *side)
    return folder


def long_tail(folder: Path) -> Path:
    """A drawn data set whose later classes are in a few of the images to learn only."""
    parts = [
        shapes(folder / "common", images=IMAGES, classes=8 - RARE, seed=1),
        shapes(folder / "rare", images=TAIL, classes=8, seed=2),
        shapes(folder / "new", images=2 * IMAGES, classes=8, seed=3),
    ]
    return joined_sets(folder / "tail", {"train": parts[:2], "val": parts[2:]})


def learn(task: Task, seed: int, runs: Path) -> None:
    """Train and judge a detector, unless it was; leaves `rows.json`."""
    folder = task.folder(runs, seed)
    if (folder / "rows.json").exists():
        return
    print(f"{task.study}: {task.name}, seed {seed}: {folder}", flush=True)
    side = SIDES.get(task.study, SIDE)
    half = f"schedule.plain_epochs={task.epochs // 2}"
    changes = (f"seed={seed}", half, *task.changes)
    run = train_small(folder, MODEL, task.data, side, task.epochs, changes)
    rows = [
        {
            **{"study": task.study, "trained_on": task.name, "judged_on": name, "seed": seed},
            **judged(run / "last", *judge),
            "steps": steps_of(run),
            "minutes": round(sum(sessions(folder)) / 60, 1),
            "commit": commit(),
        }
        for name, judge in task.judges.items()
    ]
    part = folder / "rows.json.part"
    part.write_text(json.dumps(rows), encoding="utf-8")
    part.replace(folder / "rows.json")


def rows_of(runs: Path) -> list[dict[str, Any]]:
    """The rows of all trainings that have ended."""
    return [
        row
        for study in STUDIES
        for path in sorted((runs / study).glob("*/rows.json"))
        for row in json.loads(path.read_text(encoding="utf-8"))
    ]


def table(runs: Path) -> Path:
    """Write all rows to `benchmarks/results`; returns the path."""
    return write_csv("union", rows_of(runs), COLUMNS)


def summary(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One line for each training and data set: mean AP over the seeds, and its spread."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["study"], row["judged_on"], row["trained_on"]), []).append(row)
    for (study, judge, name), group in sorted(groups.items()):
        of_seeds = [row["ap"] for row in group]
        spread = f" +- {stdev(of_seeds):.2f}" if len(of_seeds) > 1 else ""
        minutes = mean(row["minutes"] for row in group)
        yield (
            f"{study}: {judge}: {name}: AP {mean(of_seeds):.2f}{spread}, AP50 "
            f"{mean(row['ap50'] for row in group):.2f} ({len(group)} seeds, {minutes:.1f} minutes)"
        )


if __name__ == "__main__":
    run_main(main, CONTINUES)
