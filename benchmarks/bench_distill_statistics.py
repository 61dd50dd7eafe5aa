"""Why a teacher hurts in small batches: the statistics a student leans on.

    python -m benchmarks.bench_distill_statistics [--seeds 0 1 2] [--epochs 24] [--batch 8]
                                                  [--work FOLDER]

Needs the students of `bench_distill` in FOLDER, alone and with teacher, with the same --epochs and
--batch. For each student prints its classification loss (quality focal) on the validation images
twice: with the BatchNorm statistics of the batch, as in training, and with the running statistics,
as in inference. If the second is larger, the student depends on the statistics of its batch.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from benchmarks.bench_distill import BATCH, EPOCHS, SIDE, Bench
from benchmarks.bench_distill_gradients import RECIPE
from benchmarks.entry import Parser, existing_folder, positive, run_main
from benchmarks.machine import commit, write_csv
from maenas.detector.checkpoints.checkpoint import build_network, load_folder
from maenas.detector.data import Batch, LoaderOptions, TrainLoader, read_dataset
from maenas.detector.losses import detection_loss
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train.step import targets_of

CELLS = ("alone", "cwd@0.5")
COLUMNS = ("epochs", "batch", "cell", "seed", "of_the_batch", "kept", "commit")


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="random seeds")
    parser.add_argument("--epochs", type=positive, default=EPOCHS, help="epochs of a student")
    parser.add_argument("--batch", type=positive, default=BATCH, help="batch size of a student")
    parser.add_argument(
        "--work", type=existing_folder, default="runs/bench-distill", help="folder of bench_distill"
    )
    arguments = parser.parse_args()
    bench = Bench(arguments.work, arguments.epochs, arguments.batch)
    batches = validation(bench)
    rows = []
    for cell in CELLS:
        for seed in arguments.seeds:
            network = build_network(*load_folder(bench.run(cell, seed) / "last"))
            of_the_batch, kept = loss(network, batches, False), loss(network, batches, True)
            print(
                f"{bench.kind}, {cell}, seed {seed}: loss of classification {of_the_batch:.4f} by "
                f"the statistics of the batch, {kept:.4f} by those kept"
            )
            values = (bench.epochs, bench.batch, cell, seed, round(of_the_batch, 4), round(kept, 4))
            rows.append(dict(zip(COLUMNS, (*values, commit()), strict=True)))
    print(write_csv(f"distill-statistics-{bench.kind}", rows, COLUMNS))


def validation(bench: Bench) -> list[Batch]:
    """Validation images in batches of the training's size, resized as in its last epochs."""
    augmentation = replace(RECIPE.augmentation, resize="stretch")
    options = LoaderOptions((SIDE, SIDE), bench.batch, 1, 0, augmentation, plain_epochs=1)
    return list(TrainLoader(read_dataset(bench.data, "val"), options).epoch(0))


@torch.no_grad()
def loss(network: DetectorNetwork, batches: list[Batch], kept: bool) -> float:
    """Classification loss, mean over the batches; `kept` uses the running statistics."""
    network.train()  # training mode, for the outputs that losses need
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.train(not kept)
            layer.momentum = 0.0  # running statistics do not change
    total = 0.0
    for batch in batches:
        ready = batch.to(torch.device("cpu"), False)
        parts = detection_loss(network(ready.images), targets_of(ready), RECIPE.assigner)
        total += float(parts["quality_focal"])
    return total / len(batches)


if __name__ == "__main__":
    run_main(main)
