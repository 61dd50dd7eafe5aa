"""`maenas train`: a detector learns the classes of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import ExistOk, InputSize, Json, Ray, Resume
from maenas.cli.stop import interrupted
from maenas.cli.training.train_options import (
    Epochs,
    Loaders,
    Processes,
    RecipeChanges,
    Student,
    TrainCompute,
    TrainData,
)

if TYPE_CHECKING:
    from maenas.training.setup import TrainOptions


def train(
    detector: Student = None,
    data: TrainData = None,
    epochs: Epochs = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. (the next runs/train/exp)")
    ] = None,
    resume: Resume = False,
    changes: RecipeChanges = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe file, or a scale: ns nm nl t s m l. (that of the neck)"),
    ] = None,
    input_size: InputSize = None,
    compute: TrainCompute = "auto",
    workers: Loaders = None,
    ray: Ray = None,
    processes: Processes = 1,
    exist_ok: ExistOk = False,
    as_json: Json = False,
) -> None:
    """Train a detector; under torchrun or with --ray on several GPUs.

    The run folder holds the detectors `last` and `best`, results.csv and results.png, TensorBoard
    events, images of labels and predictions, and what --resume continues from.
    """
    from maenas.training.setup import TrainOptions

    options = TrainOptions(detector, data, epochs, tuple(changes or ()), recipe, input_size)
    run(options, out, resume, exist_ok, compute, workers, ray, processes, as_json)


def run(
    options: TrainOptions,
    out: Path | None,
    resume: bool,
    exist_ok: bool,
    compute: str,
    workers: int | None,
    ray: str | None,
    processes: int,
    as_json: bool,
) -> None:
    """Run a training, here or on a cluster, and print what came of it."""
    from maenas.detector.errors import TrainError
    from maenas.terminal.console import OUT, print_json
    from maenas.training.ray_job import run_on_ray
    from maenas.training.run import run_training

    if processes > 1 and ray is None:
        raise TrainError(
            "processes: are started by --ray; under torchrun, which starts them itself, leave it "
            "out."
        )
    with interrupted("--out with --resume continues after the last epoch"):
        if ray is None:
            result = run_training(options, out, resume, exist_ok, compute, workers)
        else:
            result = run_on_ray(
                options, out, resume, exist_ok, compute, workers, address=ray, processes=processes
            )
    if result is None:  # a process that does not lead
        return
    if as_json:
        print_json(result)
        return
    for name in ("best", "last"):
        if result[name] is not None:
            OUT.print(f"{name}: {result[name]}")
    if result["best_ap"] is not None:
        OUT.print(f"AP {result['best_ap']:.4f} at epoch {result['best_epoch']}")
        OUT.print(f"next: maenas val {result['run']} --data {result['data']}")
