"""`maenas import-weights`: an official checkpoint becomes a detector folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from detector.import_weights import Report

SCHEMA = "maenas/import-weights@1"
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of a BatchNorm: no parameters


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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout.")
    ] = False,
) -> None:
    """Convert an official checkpoint to a detector: spec and safetensors; its code is never run."""
    from detector.published import require_published

    require_published(model)  # before torch is loaded

    from detector.checkpoint import save_folder
    from detector.import_weights import CheckpointError, import_checkpoint
    from maenas.console import OUT, print_json
    from maenas.folders import claim

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


def digest_line(checkpoint: Path) -> str:
    """What identifies the file that the weights came from."""
    from hashlib import file_digest

    with checkpoint.open("rb") as file:
        return f"sha256 {file_digest(file, 'sha256').hexdigest()}"


def listed(report: Report) -> dict[str, Any]:
    """A report as plain data, every key by its official name."""
    return {
        "form": report.form,
        "checkpoint_classes": report.num_classes,
        "missing": list(report.missing),
        "extra": list(report.extra),
        "misshaped": [
            {"key": key, "shape": list(found), "expected": list(wanted)}
            for key, found, wanted in report.misshaped
        ],
        "dropped": list(report.dropped),
        "reinitialised": list(report.reinitialised),
    }


def told(report: Report, classes: int) -> list[str]:
    """A report for people: what came in, and what is not as it was."""
    lines = [f"{report.form} form, {report.num_classes} classes: every key found its place"]
    if report.form == "deploy":
        lines.append(
            "its merged RepConvs have no statistics of their own: fine to run, but fine-tune from "
            "a training form if there is one"
        )
    if report.dropped:
        lines.append(f"the legacy class {report.num_classes} is dropped, as at inference")
    if report.reinitialised:
        lines.append(
            f"the classifier starts anew for {classes} classes "
            f"({len(report.reinitialised)} tensors); everything else is kept"
        )
    return lines
