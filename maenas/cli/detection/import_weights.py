"""`maenas import-weights`: an official checkpoint becomes a detector folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from maenas.cli.options import Json
from maenas.detection.import_weights import SCHEMA, STATISTICS, digest_line, listed, told


def import_weights(
    checkpoint: Annotated[
        Path, typer.Argument(help="An official DAMO-YOLO checkpoint.", metavar="OFFICIAL.pth")
    ],
    model: Annotated[
        str, typer.Option(help="Published detector it was trained as, such as damo-yolo-s.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the detector. (the next runs/import-weights/exp if left out)"),
    ] = None,
    num_classes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Classes to detect; if the checkpoint has others, its classifier starts anew. "
            "(the checkpoint's; 80 of a legacy 81)",
        ),
    ] = None,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Write into the folder even if it holds something.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Convert an official checkpoint to a detector: spec and safetensors; its code is never run."""
    from maenas.detector.model.published import require_published

    require_published(model)  # before torch is loaded

    from maenas.detector.checkpoints.checkpoint import save_folder
    from maenas.detector.checkpoints.import_weights import CheckpointError, import_checkpoint
    from maenas.runs.folders import claim
    from maenas.terminal.console import OUT, print_json

    head: dict[str, Any] = {"schema": SCHEMA, "checkpoint": str(checkpoint), "model": model}
    try:
        imported = import_checkpoint(checkpoint, model, num_classes)
    except CheckpointError as error:
        if as_json:
            print_json({**head, "detector": None, **listed(error.report)})
        raise CheckpointError(f"{error} --json lists every key.", error.report) from None
    classes = imported.spec.head.num_classes
    receipt = f"maenas import-weights {checkpoint.name} --model {model}"
    if num_classes is not None:
        receipt += f" --num-classes {num_classes}"
    folder = claim(out, "import-weights", exist_ok)
    save_folder(folder, imported.spec, imported.weights, (receipt, digest_line(checkpoint)))
    result = {
        **head,
        "detector": str(folder),
        "classes": classes,
        "parameters": sum(
            value.numel() for key, value in imported.weights.items() if not key.endswith(STATISTICS)
        ),
        **listed(imported.report),
    }
    if as_json:
        print_json(result)
        return
    for line in told(imported.report, classes):
        OUT.print(line)
    OUT.print(f"detector: {folder}")
