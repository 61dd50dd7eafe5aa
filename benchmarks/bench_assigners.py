"""How good are the ways to assign labels: AP of one detector from scratch, trained with each.

    python -m benchmarks.bench_assigners [--seeds 0 1 2] [--epochs 8] [--work FOLDER]

A nano detector, DAMO-YOLO T at half its width and with one block per stage, is trained on generated
images of medium level with AlignOTA, ATSS, simOTA and TOOD, and with AlignOTA with the weights of
the report instead of those of its code. Everything else is equal: for one random seed the same
initial weights and the same images in the same order, and for each assigner its default options.
Mosaics are off and the learning rate is three times that of the recipe, because a training takes
only a minute of processor time. AP is that of the last epoch, on a fifth as many images. One row of
the table is one training. Rows that exist are not measured again, so the table can be made in
several runs, and an interrupted training is continued.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--assigners", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument(
        "--epochs",
        type=int,
        default=EPOCHS,
        help="epochs of a training; other numbers write another table",
    )
    parser.add_argument("--work", type=Path, default=Path("runs/bench-assigners"))
    arguments = parser.parse_args()
    data = arguments.work / "shapes" / "data.yaml"
    if not data.exists():
        size = ("--images", IMAGES, "--size", SIDE, "--classes", CLASSES)
        maenas("data", "make-shapes", "--out", data.parent, "--level", "medium", *size)
    detector = arguments.work / "detector"
    if not (detector / SPEC_FILE).exists():
        save_folder(detector, nano_spec(), None)
    name = "assigners" + ("" if arguments.epochs == EPOCHS else f"-{arguments.epochs}-epochs")
    rows = read_csv(result_path(name))
    for seed in arguments.seeds:  # finish one seed before the next
        for assigner in arguments.assigners:
            if not any((row["assigner"], row["seed"]) == (assigner, str(seed)) for row in rows):
                out = arguments.work / f"{arguments.epochs}-epochs" / f"{assigner}-{seed}"
                rows.append(learn(assigner, seed, detector, data, arguments.epochs, out))
                rows.sort(key=lambda row: (list(WAYS).index(row["assigner"]), row["seed"]))
                write_csv(name, rows, COLUMNS)
    for line in summary(rows):
        print(line)
    print(result_path(name))


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


def learn(
    assigner: str, seed: int, detector: Path, data: Path, count: int, out: Path
) -> dict[str, str]:
    """Run one training; returns its row of the table."""
    words: list[object] = []
    for change in (*WAYS[assigner], f"seed={seed}", *CHANGES):
        words += ["--set", change]
    if (out / ARGS_FILE).exists():
        words.append("--resume")
    arguments = ("--data", data, "--epochs", count, "--out", out)
    options = ("--recipe", "ns", "--workers", 0, "--compute", "cpu", "--json")
    result = json.loads(maenas("train", detector, *arguments, *options, *words))
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
    main()
