"""How good are the ways to assign labels: AP of one detector from scratch, trained with each.

    python -m benchmarks.bench_assigners [--seeds 0 1 2] [--epochs 8] [--work FOLDER]
    python -m benchmarks.bench_assigners --data DATA --side 192 --epochs 60 [--detector zoo:NAME]

A nano detector, DAMO-YOLO T at half its width and with one block per stage, is trained on generated
images of medium level with AlignOTA, ATSS, simOTA and TOOD, and with AlignOTA with the weights of
the report instead of those of its code. Everything else is equal: for one random seed the same
initial weights and the same images in the same order, and for each assigner its default options.
Mosaics are off and the learning rate is three times that of the recipe, because a training takes
only a minute of processor time. With `--data` the images are those of a data set, and the recipe is
unchanged: mosaics, mixup and learning rate are those that a user gets.

AP is that of the last epoch on the validation images, of generated shapes a fifth as many. One row
of the table is one training. Rows that exist are not measured again, so the table can be made in
several runs, and an interrupted training is continued.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.entry import CONTINUES, Parser, existing, output_folder, positive, run_main
from benchmarks.machine import commit, maenas, read_csv, result_path, write_csv
from maenas.blocks import Backbone, FocusStem, ResK1KX
from maenas.detector import RepGFPN, ZeroHead
from maenas.detector.assign import ASSIGNERS
from maenas.detector.checkpoints.checkpoint import SPEC_FILE, save_folder
from maenas.detector.data.shapes import SHAPES
from maenas.detector.model.spec import DetectorSpec
from maenas.training.setup import ARGS_FILE

SIDE, CLASSES, IMAGES, EPOCHS = 128, 3, 400, 8
CHANGES = (
    *("optimizer.lr=0.012", "augmentation.mosaic=0", "augmentation.mixup=0"),
    "augmentation.sada=false",
)
OURS = "align_ota"
OF_THE_REPORT = "align_ota_1_1"  # AlignOTA with the weights of the report; its code has 1 and 3
WAYS: dict[str, tuple[str, ...]] = {name: (f"assigner.name={name}",) for name in ASSIGNERS}
WAYS[OF_THE_REPORT] = (f"assigner.name={OURS}", "assigner.iou_weight=1")
COLUMNS = ("assigner", "seed", "ap", "ap50", "best_ap", "epochs", "step", "train_s", "commit")


@dataclass(frozen=True, slots=True)
class Study:
    """What all trainings of a table have in common.

    Attributes:
        name: name of the table.
        data: data set with the splits train and val.
        detector: detector that is trained.
        side: side of the input image in pixels.
        epochs: epochs of a training.
        changes: values of the recipe that differ from those that a user gets.
        work: folder of the trainings.
    """

    name: str
    data: Path
    detector: str | Path
    side: int
    epochs: int
    changes: tuple[str, ...]
    work: Path


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="random seeds")
    parser.add_argument(
        "--assigners", nargs="+", choices=WAYS, default=list(WAYS), help="assigners"
    )
    parser.add_argument(
        "--epochs",
        type=positive,
        default=EPOCHS,
        help="epochs of a training; other numbers write another table",
    )
    parser.add_argument("--data", type=existing, help="data set with a val split")
    parser.add_argument("--side", type=positive, default=SIDE, help="side of the input with --data")
    parser.add_argument("--detector", help="a detector with --data; the nano detector if left out")
    parser.add_argument(
        "--work", type=output_folder, default="runs/bench-assigners", help="folder of all trainings"
    )
    arguments = parser.parse_args()
    study = of_shapes(arguments) if arguments.data is None else of_images(arguments)
    rows = read_csv(result_path(study.name))
    for seed in arguments.seeds:  # finish one seed before the next
        for assigner in arguments.assigners:
            if not any((row["assigner"], row["seed"]) == (assigner, str(seed)) for row in rows):
                row = learn(study, assigner, seed)
                rows = [*read_csv(result_path(study.name)), row]  # others may have written it
                rows.sort(key=lambda row: (list(WAYS).index(row["assigner"]), row["seed"]))
                write_csv(study.name, rows, COLUMNS)
    for line in summary(rows):
        print(line)
    print(result_path(study.name))


def of_shapes(arguments: argparse.Namespace) -> Study:
    """Trainings of the nano detector on generated shapes."""
    data = arguments.work / "shapes" / "data.yaml"
    if not data.exists():
        size = ("--images", IMAGES, "--size", SIDE, "--classes", CLASSES)
        maenas("data", "make-shapes", "--out", data.parent, "--level", "medium", *size)
    name = "assigners" + ("" if arguments.epochs == EPOCHS else f"-{arguments.epochs}-epochs")
    work = arguments.work / f"{arguments.epochs}-epochs"
    return Study(name, data, nano(arguments.work), SIDE, arguments.epochs, CHANGES, work)


def of_images(arguments: argparse.Namespace) -> Study:
    """Trainings on the images of a data set, with the recipe as it is."""
    detector = arguments.detector or nano(arguments.work)
    which = "nano" if arguments.detector is None else Path(arguments.detector).name.split("-")[-1]
    parts = (arguments.data.stem, which, arguments.side, arguments.epochs, "epochs")
    name = "-".join(map(str, ("assigners", *parts)))
    return Study(
        name, arguments.data, detector, arguments.side, arguments.epochs, (), arguments.work / name
    )


def nano(work: Path) -> Path:
    """The folder of the nano detector."""
    folder = work / "detector"
    if not (folder / SPEC_FILE).exists():
        save_folder(folder, nano_spec(), None)
    return folder


def nano_spec() -> DetectorSpec:
    """Spec of DAMO-YOLO T with less width and depth."""
    stages = [
        ResK1KX(
            out_channels=channels, bottleneck_channels=channels // 2, stride=2, depth=1, rep=True
        )
        for channels in (32, 48, 64, 128)
    ]
    shape = (3, SIDE, SIDE)
    backbone = Backbone((FocusStem(out_channels=16), *stages), (2, 3, 4), shape)
    neck = RepGFPN(out_channels=(48, 64, 128), depth=1)
    names = tuple(SHAPES)[:CLASSES]
    return DetectorSpec(backbone, neck, ZeroHead(num_classes=CLASSES), names, "stretch")


def learn(study: Study, assigner: str, seed: int) -> dict[str, str]:
    """Run one training; returns its row of the table."""
    out = study.work / f"{assigner}-{seed}"
    words: list[object] = []
    for change in (*WAYS[assigner], f"seed={seed}", *study.changes):
        words += ["--set", change]
    if (out / ARGS_FILE).exists():
        words.append("--resume")
    arguments = ("--data", study.data, "--epochs", study.epochs, "--out", out)
    options = ("--recipe", "ns", "--input-size", study.side, "--workers", 0, "--compute", "cpu")
    result = json.loads(maenas("train", study.detector, *arguments, *options, *words, "--json"))
    epochs = read_csv(out / "results.csv")
    last = epochs[-1]
    print(f"{assigner}, seed {seed}: AP {float(last['ap']):.4f}", flush=True)
    return {
        "assigner": assigner,
        "seed": str(seed),
        "ap": last["ap"],
        "ap50": last["ap50"],
        "best_ap": f"{result['best_ap']:.6g}",
        "epochs": str(len(epochs)),
        "step": last["step"],
        "train_s": f"{sum(float(row['train_s']) for row in epochs):.0f}",
        "commit": commit(),
    }


def summary(rows: Sequence[dict[str, str]]) -> list[str]:
    """AP of each assigner over its seeds, and the gain of AlignOTA over each baseline per seed."""
    found = {
        name: {row["seed"]: float(row["ap"]) for row in rows if row["assigner"] == name}
        for name in WAYS
    }
    lines = []
    for name, aps in found.items():
        if not aps:
            continue
        values = list(aps.values())
        line = f"{name}: AP {statistics.mean(values):.4f}, {min(values):.4f}..{max(values):.4f}"
        gains = [found[OURS][seed] - ap for seed, ap in aps.items() if seed in found[OURS]]
        if name != OURS and gains:
            mean = statistics.mean(gains)
            verdict = "at least as good" if mean >= 0 else "worse"
            line += f"; {OURS} {verdict}: {mean:+.4f}, {min(gains):+.4f}..{max(gains):+.4f}"
        lines.append(f"{line} ({len(values)} seeds)")
    return lines


if __name__ == "__main__":
    run_main(main, CONTINUES)
