"""Options that `train`, `distill` and `train-family` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from maenas.cli.options import A_DATA_SET, COMPUTE, OUTPUT

TrainData = Annotated[
    Path | None,
    typer.Option("--data", help=f"{A_DATA_SET}. (the run's)"),
]
Student = Annotated[
    str | None,
    typer.Argument(
        help="A detector folder, its detector.yaml, or zoo:NAME. (the run's, with --resume)",
        metavar="DETECTOR",
        show_default=False,
    ),
]
Init = Annotated[
    str | None,
    typer.Option(
        help="A run or a detector folder with weights, which are mapped onto this detector of "
        "other widths, depths and kernels.",
        show_default=False,
    ),
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Number of epochs. (the recipe's)")]
Patience = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Number of epochs without a better AP after which mosaic ends early, and then the "
        "training. (none)",
        show_default=False,
    ),
]
RecipeChanges = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a value of the recipe.", metavar="A.B=C"),
]
TrainCompute = Annotated[
    str,
    typer.Option(
        "--compute",
        help="Device that torch computes on: cpu, cuda:0 or auto.",
        rich_help_panel=COMPUTE,
    ),
]
Loaders = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        help="Number of processes that load images. (one per core)",
        rich_help_panel=COMPUTE,
    ),
]
Processes = Annotated[
    int,
    typer.Option(
        min=1,
        help="With --ray: number of processes that train together, each on a GPU.",
        rich_help_panel=COMPUTE,
    ),
]
Trackers = Annotated[
    list[str] | None,
    typer.Option(
        "--tracker",
        help="What follows the training: tensorboard, wandb, mlflow, none, or module:object. "
        "(tensorboard, where it is installed)",
        rich_help_panel=COMPUTE,
    ),
]
SkipFinalEvaluation = Annotated[
    bool,
    typer.Option(
        "--skip-final-evaluation",
        help="Leave out the evaluation of the best detector, which ends the training.",
        rich_help_panel=OUTPUT,
    ),
]


def arguments(context: typer.Context) -> dict[str, Any]:
    """The options that were given, by name: the arguments of the Python function of the command.

    The signature of a command is its list of options; a test checks that the function of the same
    name takes each of them.
    """
    from maenas.budgets.image_size import parse_input_size
    from maenas.cli.everywhere import OPTIONS

    terminal = {"as_json", *OPTIONS}
    given = {name: value for name, value in context.params.items() if name not in terminal}
    if isinstance(given.get("input_size"), str):
        given["input_size"] = parse_input_size(given["input_size"])
    return {name: value for name, value in given.items() if value is not None}
