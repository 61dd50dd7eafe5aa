"""`maenas train`: a detector learns the classes of a data set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from maenas.training.setup import Asked

Student = Annotated[
    str | None,
    typer.Argument(
        help="A detector folder, its detector.yaml, or zoo:NAME. (the run's, with --resume)",
        metavar="DETECTOR",
        show_default=False,
    ),
]
Data = Annotated[Path | None, typer.Option(help="A data.yaml, its folder, or a COCO .json file.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the images. (the recipe's)")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the run in the folder, exactly.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a value of the recipe.", metavar="A.B=C"),
]
InputSize = Annotated[int | None, typer.Option(help="Side of the image. (the detector's)")]
Compute = Annotated[str, typer.Option(help="Where torch runs: cpu, cuda:0 or auto.")]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Processes that load images. (one a core)")
]
OnRay = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="Train on a Ray cluster: auto, local to start one here, or its address.",
        metavar="ADDRESS",
    ),
]
Processes = Annotated[
    int, typer.Option(min=1, help="With --ray: how many learn together, a GPU each.")
]
ExistOk = Annotated[bool, typer.Option("--exist-ok", help="Write into a folder that is not empty.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def train(
    detector: Student = None,
    data: Data = None,
    epochs: Epochs = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run. (the next runs/train/exp)")
    ] = None,
    resume: Resume = False,
    changes: Changes = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe file, or a scale: ns nm nl t s m l. (that of the neck)"),
    ] = None,
    input_size: InputSize = None,
    compute: Compute = "auto",
    workers: Workers = None,
    ray: OnRay = None,
    processes: Processes = 1,
    exist_ok: ExistOk = False,
    as_json: AsJson = False,
) -> None:
    """Train a detector; under torchrun or with --ray on several GPUs.

    The run folder holds the detectors `last` and `best`, results.csv and results.png, TensorBoard
    events, images of labels and predictions, and what --resume continues from.
    """
    from maenas.training.setup import Asked

    asked = Asked(detector, data, epochs, tuple(changes or ()), recipe, input_size)
    run(asked, out, resume, exist_ok, compute, workers, ray, processes, as_json)


def run(
    asked: Asked,
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
    from maenas.terminal.console import ERR, OUT, print_json
    from maenas.training.ray_job import run_on_ray
    from maenas.training.run import run_training

    if processes > 1 and ray is None:
        raise TrainError(
            "processes: are started by --ray; under torchrun, which starts them itself, leave it "
            "out."
        )
    try:
        if ray is None:
            result = run_training(asked, out, resume, exist_ok, compute, workers)
        else:
            result = run_on_ray(
                asked, out, resume, exist_ok, compute, workers, address=ray, processes=processes
            )
    except KeyboardInterrupt:
        ERR.print("interrupted; --out with --resume continues after the last epoch")
        sys.exit(130)
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
