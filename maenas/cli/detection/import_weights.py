"""`maenas import-weights`: convert an official checkpoint to a detector folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import Json

if TYPE_CHECKING:
    from maenas.detection.import_weights import ImportResult
    from maenas.detector.checkpoints.import_weights import ImportReport


def import_weights(
    checkpoint: Annotated[
        Path, typer.Argument(help="An official DAMO-YOLO checkpoint.", metavar="OFFICIAL.pth")
    ],
    model: Annotated[
        str,
        typer.Option(
            help="Published detector that the checkpoint belongs to, such as damo-yolo-s."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the detector. (the next runs/import-weights/exp if left out)"),
    ] = None,
    num_classes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of classes; the classifier is initialised if the checkpoint has others. "
            "(the checkpoint's; 80 of a legacy 81)",
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            help="Names of the classes in the checkpoint's order: a text file with one name a "
            "line, or a published union. (COCO's for 80 classes)",
            metavar="FILE",
        ),
    ] = None,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Write into the folder even if it is not empty.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Convert an official checkpoint to a detector: spec and safetensors. Its code is never run."""
    from maenas.detector.model.published import require_published

    require_published(model)  # before torch is loaded
    import maenas
    from maenas.detection.import_weights import ImportResult
    from maenas.detector.checkpoints.import_weights import CheckpointError
    from maenas.terminal.console import OUT, print_json

    try:
        result = maenas.import_weights(
            checkpoint, model, out, num_classes=num_classes, names=names or (), exist_ok=exist_ok
        )
    except CheckpointError as error:
        if as_json:
            print_json(ImportResult(checkpoint, model, None, 0, 0, error.report).to_json())
        raise CheckpointError(f"{error} --json lists every key.", error.report) from None
    if as_json:
        print_json(result.to_json())
        return
    for line in (*summary(result.report, result.classes), *about_names(result, names)):
        OUT.print(line)
    OUT.print(f"detector: {result.folder}")


def about_names(result: ImportResult, given: str | None) -> list[str]:
    """Lines about names that are unknown, or whose order is."""
    from maenas.detector.data.union.label_union import PUBLISHED

    if not result.names:
        return [
            f"its {result.classes} classes have no names, because the authors list none; --names "
            "FILE names them"
        ]
    if given in PUBLISHED:
        return [
            "the names are those of a published union; whether the checkpoint has them in this "
            "order is not known, so check them with `maenas detect`"
        ]
    return []


def summary(report: ImportReport, classes: int) -> list[str]:
    """The report as lines of text: the weights that were copied and those that were changed."""
    removed = f"removed from the file: {', '.join(report.stripped)}; " if report.stripped else ""
    lines = [f"{removed}{report.form} form, {report.num_classes} classes: every key was matched"]
    if report.form == "deploy":
        lines.append(
            "its merged RepConvs have no statistics of their own: fine to run, but fine-tune from "
            "a training form if there is one"
        )
    if report.dropped:
        lines.append(f"the legacy class {report.num_classes} is dropped, as at inference")
    if report.reinitialised:
        lines.append(
            f"the classifier is initialised for {classes} classes "
            f"({len(report.reinitialised)} tensors); everything else is kept"
        )
    return lines
