"""Where our detectors stand on real images, beside what a user would pick instead.

    python -m benchmarks.bench_real DATA --size 224 --models ns yolo11n --runs FOLDER
    python -m benchmarks.bench_real DATA --size 224 --models ns yolo11n --runs FOLDER --latency
    python -m benchmarks.bench_real DATA --size 224 --runs FOLDER --table

DATA is a data set with the splits train, val and test. Each model is trained from random weights on
one thread with the same images, labels, input size and number of epochs; all else is what its own
command does by default: Ultralytics loads batches of 16 and takes a step for four of them,
LibreYOLO takes a step for each batch of 16, `maenas train` takes a step for 8 images of a small
data set. `--batch` gives all batches of one size. The weights that were best on val are judged on
test by pycocotools, with detections of confidence 0.001 or more; LibreYOLO evaluates every tenth
epoch and the last.

Peers are YOLO11, YOLO26 and YOLOv8 of Ultralytics in scales n and s (AGPL-3.0: yolo11n, yolov8s),
and YOLOX and YOLOv9 of LibreYOLO (MIT: yolox-nano, yolox-tiny, yolov9t). They run in an environment
of their own (`--peers-python`, which has `ultralytics` or `libreyolo`), not needed to use maenas.

A model is the name of a peer, a scale of the zoo (ns, nm, t), or NAME=BACKBONE for a searched one;
NAME=BACKBONE,optimizer.lr=0.02 changes its recipe, with further changes after further commas.
yolo11n@8 is a peer that takes a step for 8 images, as ours does: it tells what part the training
has in a difference.
`--minutes M` gives each model M processor minutes in place of a number of epochs: two short
trainings of it, of one and of three epochs, tell how many epochs fit into them. LibreYOLO makes no
mosaics in its last 15 epochs, thus none in these, and takes up to a tenth longer than it was given.
`--latency` times every model on one thread of OpenVINO, in one interleaved run; do it while nothing
else runs. NMS is not part of it, except for YOLO26, which needs none. Parallel convolutions are
merged into one, also those of YOLOv9, which its library exports apart.

A training takes hours. It is interrupted by SIGTERM, and the same command continues it. Each one
that ends leaves `row.json`; the table is made from these, so several commands can fill it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.entry import (
    CONTINUES,
    Parser,
    existing,
    existing_file,
    output_folder,
    positive,
    run_main,
)
from benchmarks.machine import commit
from benchmarks.real.judge import judged
from benchmarks.real.latency import interleaved
from benchmarks.real.meter import sessions
from benchmarks.real.pace import with_epochs
from benchmarks.real.sides import Plan, Side, side_of
from benchmarks.real.table import draw, lines, update
from benchmarks.real.views import make_view
from maenas.detector.data.readers.read import read_dataset


def main() -> None:
    arguments = parsed()
    runs = arguments.runs.absolute()
    data = arguments.data.absolute()
    sides = [side_of(word, arguments.peers_python, runs) for word in arguments.models]
    place = runs / f"{data.stem}-{arguments.size}"
    plan = Plan(
        view=make_view(data, runs / "data" / data.stem),
        size=arguments.size,
        epochs=arguments.epochs,
        batch=arguments.batch,
        minutes=arguments.minutes,
    )
    if arguments.latency:
        measure(sides, plan, place, arguments.rounds)
    elif not arguments.table:
        for seed in arguments.seeds:
            for side in sides:
                learn(side, plan, seed, data.stem, place)
                update(runs)
    rows = update(runs)
    for line in lines(rows):
        print(line)
    print(draw(rows))


def parsed() -> argparse.Namespace:
    parser = Parser(__doc__)
    parser.add_argument("data", type=existing, help="data.yaml, or its folder")
    parser.add_argument("--size", type=positive, default=224, help="height and width of the input")
    parser.add_argument("--epochs", type=positive, default=60, help="epochs of a training")
    parser.add_argument("--minutes", type=float, help="processor minutes in place of epochs")
    parser.add_argument("--batch", type=positive, help="images in a step (each side's default)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="random seeds")
    parser.add_argument(
        "--models", nargs="+", default=[], help="PEER, PEER@IMAGES, scale, NAME=BACKBONE,CHANGE"
    )
    parser.add_argument("--runs", type=output_folder, required=True, help="folder of all trainings")
    parser.add_argument("--peers-python", type=existing_file, help="Python that has the peers")
    parser.add_argument("--latency", action="store_true", help="time the models, train nothing")
    parser.add_argument(
        "--rounds", type=positive, default=200, help="inferences of each with --latency"
    )
    parser.add_argument("--table", action="store_true", help="only make the table")
    return parser.parse_args()


def learn(side: Side, plan: Plan, seed: int, data: str, place: Path) -> None:
    """Train and judge a model, unless it was; leaves `row.json`."""
    out = place / f"{side.name}-{plan.length}-seed-{seed}"
    if (out / "row.json").exists():
        return
    print(f"{data}: {side.name}, seed {seed}: {out}", flush=True)
    plan = with_epochs(side, plan, place)
    side.train(plan, seed, out)
    test = read_dataset(plan.view.data, "test")
    row: dict[str, object] = {"data": data, "size": plan.size, "model": side.name, "seed": seed}
    row |= {
        "epochs": plan.epochs,
        "minutes": "" if plan.minutes is None else f"{plan.minutes:g}",
        "batch": side.batch(plan, out),
        "peer": side.peer,
    }
    row |= {name: round(value, 4) for name, value in judged(test, side.found(plan, out)).items()}
    row |= {"processor_min": round(sum(sessions(out)) / 60, 1), "commit": commit()}
    part = out / "row.json.part"
    part.write_text(json.dumps(row), encoding="utf-8")
    part.replace(out / "row.json")


def measure(sides: list[Side], plan: Plan, place: Path, rounds: int) -> None:
    """Time all models in one interleaved run; leaves `latency.json`."""
    folder = place / "latency"
    folder.mkdir(parents=True, exist_ok=True)
    files = {side.name: folder / f"{side.name}.onnx" for side in sides}
    for side in sides:
        if not files[side.name].exists():
            side.export(plan, files[side.name])
    found = {"data": place.name.rpartition("-")[0], "size": plan.size, "commit": commit()}
    timed = interleaved(files, rounds)
    (place / "latency.json").write_text(json.dumps(found | {"ms": timed}), encoding="utf-8")


if __name__ == "__main__":
    run_main(main, CONTINUES)
