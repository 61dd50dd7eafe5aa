"""How hard a teacher pulls: gradients of the feature loss beside those of the detector's own.

    python -m benchmarks.bench_distill_gradients [--seed 0] [--batches 8] [--work FOLDER]

Needs the files of `bench_distill` in FOLDER: images, teacher, and the student trained alone. For
the student with random weights and for the trained one, prints the norm of both gradients with
respect to the weights of backbone and neck, and their cosine similarity: means over the first
batches. The feature losses have weight 1 instead of that of the recipe.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.bench_distill import SIDE, Bench
from benchmarks.entry import Parser, existing_folder, positive, run_main
from benchmarks.machine import commit, write_csv
from maenas.detector.checkpoints.checkpoint import build_network, load_folder
from maenas.detector.data import Batch, LoaderOptions, TrainLoader, read_dataset
from maenas.detector.distill import FEATURE_LOSSES, DistillOptions, Teaching, teaching
from maenas.detector.losses import detection_loss
from maenas.detector.train import Learner, published_recipe
from maenas.detector.train.step import targets_of
from maenas.runs.models import find_teacher

RECIPE = published_recipe("ns")


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--seed", type=int, default=0, help="random seed")
    parser.add_argument("--batches", type=positive, default=8, help="number of batches")
    parser.add_argument(
        "--work", type=existing_folder, default="runs/bench-distill", help="folder of bench_distill"
    )
    arguments = parser.parse_args()
    bench = Bench(arguments.work)
    batches = drawn(bench, arguments.seed, arguments.batches)
    teacher = find_teacher(str(bench.teacher))
    spec, weights = load_folder(bench.run("alone", arguments.seed) / "last")
    rows = []
    for state, start in (("random", None), ("trained", weights)):
        for method in FEATURE_LOSSES:
            torch.manual_seed(arguments.seed)
            network = build_network(spec, start)
            lessons = teaching(teacher, spec, DistillOptions(method=method))  # type: ignore[arg-type]
            learner = Learner(network, lessons).train()
            own, taught, cosine = map(
                statistics.mean, zip(*pulls(learner, lessons, batches), strict=True)
            )
            print(
                f"{state} weights, {method}: gradient of the detector's loss {own:.3g}, of the "
                f"feature loss {taught:.3g}, {taught / own:.2g} times; cosine {cosine:+.3f}"
            )
            rows.append(
                {
                    "student": state,
                    "method": method,
                    "own": round(own, 4),
                    "feature": round(taught, 4),
                    "cosine": round(cosine, 4),
                    "batches": len(batches),
                    "commit": commit(),
                }
            )
    print(write_csv("distill-gradients", rows, list(rows[0])))


def drawn(bench: Bench, seed: int, count: int) -> list[Batch]:
    """The first batches of a training."""
    augmentation = replace(RECIPE.augmentation, resize="stretch")
    options = LoaderOptions(
        (SIDE, SIDE), bench.batch, bench.epochs, seed, augmentation, plain_epochs=1
    )
    batches = TrainLoader(read_dataset(bench.data, "train"), options).epoch(0)
    return [batch for batch, _ in zip(batches, range(count), strict=False)]


def pulls(
    learner: Learner, lessons: Teaching, batches: Sequence[Batch]
) -> Iterator[tuple[float, float, float]]:
    """Norms of both gradients and their cosine similarity, for each batch."""
    network = learner.network
    shared = [*network.backbone.parameters(), *network.neck.parameters()]
    for batch in batches:
        ready = batch.to(torch.device("cpu"), False)
        levels, feature = learner(ready.images, lessons.teacher_maps(ready.images, None))
        parts = detection_loss(levels, targets_of(ready), RECIPE.assigner)
        own, taught = (
            joined(torch.autograd.grad(loss, shared, retain_graph=True))
            for loss in (torch.stack(list(parts.values())).sum(), feature)
        )
        cosine = torch.nn.functional.cosine_similarity(own, taught, dim=0)
        yield float(own.norm()), float(taught.norm()), float(cosine)


def joined(gradients: Sequence[Tensor]) -> Tensor:
    """All gradients concatenated into one vector."""
    return torch.cat([gradient.flatten() for gradient in gradients])


if __name__ == "__main__":
    run_main(main)
