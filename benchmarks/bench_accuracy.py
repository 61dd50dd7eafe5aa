"""Does a detector learn on this CPU: AP and minutes of Ns from scratch, by the README's command.

    python -m benchmarks.bench_accuracy [--overfit] [--work runs/bench-accuracy]

The images are those of `maenas data make-shapes`: medium level, 3 classes, objects of 48 to 96
pixels in images of 256 x 256. Without options the detector is trained on 500 images and AP is
measured on 100 others; the target is 0.70 in 20 minutes. With `--overfit` it is trained on eight
images without augmentation and AP is measured on the same eight; the target is 0.95 in 3 minutes.
Minutes are the wall time of the whole command on all available cores, with start-up, evaluations
and charts; the table holds the curve.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.entry import Parser, output_folder, run_main
from benchmarks.machine import commit, maenas, read_csv, write_csv

DETECTOR, SIDE, CLASSES = "zoo:damo-yolo-ns", 256, 3
COLUMNS = ("epoch", "step", "loss", "ap", "ap50", "train_s", "wall_s", "commit")


@dataclass(frozen=True)
class Task:
    """Data and recipe of one training.

    Attributes:
        name: name of the table.
        images: number of training images.
        epochs: number of epochs.
        changes: changes of the recipe.
        same: whether AP is measured on the training images.
    """

    name: str
    images: int
    epochs: int
    changes: tuple[str, ...] = ()
    same: bool = False


SCRATCH = Task("accuracy", 500, 24)
OVERFIT = Task(
    name="overfit",
    images=8,
    epochs=120,
    changes=("augmentation.mosaic=0", "augmentation.sada=false", "augmentation.flip=0"),
    same=True,
)


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--overfit", action="store_true", help="overfit eight images")
    parser.add_argument(
        "--work",
        type=output_folder,
        help="work folder, which is kept; a temporary one if left out",
    )
    arguments = parser.parse_args()
    task = OVERFIT if arguments.overfit else SCRATCH
    if arguments.work is not None:
        arguments.work.mkdir(parents=True, exist_ok=True)
        learn(task, arguments.work)
        return
    with tempfile.TemporaryDirectory() as folder:
        learn(task, Path(folder))


def learn(task: Task, work: Path) -> None:
    """Generate the images, train, and write the table."""
    data, run = work / f"{task.name}-shapes" / "data.yaml", work / task.name
    if not data.exists():
        size = ("--images", task.images, "--size", SIDE, "--classes", CLASSES)
        maenas("data", "make-shapes", "--out", data.parent, "--level", "medium", *size)
    if task.same:
        data.write_text(data.read_text().replace("val: images/val", "val: images/train"))
    changes = [word for change in task.changes for word in ("--set", change)]
    arguments = ("--data", data, "--input-size", SIDE, "--epochs", task.epochs, "--out", run)
    started = time.monotonic()
    result = json.loads(
        maenas("train", DETECTOR, *arguments, "--compute", "cpu", "--json", *changes)
    )
    wall_s = time.monotonic() - started
    epochs = read_csv(run / "results.csv")
    rows = [{key: row[key] for key in COLUMNS if key in row} for row in epochs]
    rows[-1] |= {"wall_s": f"{wall_s:.0f}", "commit": commit()}
    path = write_csv(task.name, rows, COLUMNS)
    print(
        f"{task.images} images, {task.epochs} epochs, {torch.get_num_threads()} threads: AP "
        f"{float(rows[-1]['ap']):.3f} at the end, {result['best_ap']:.3f} at best, in "
        f"{wall_s / 60:.1f} minutes"
    )
    print(path)


if __name__ == "__main__":
    run_main(main)
