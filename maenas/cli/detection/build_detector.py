"""`maenas build-detector`: a complete detector around a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from maenas.cli.options import Json
from maenas.detection.build import DEFAULT_CLASSES, report, table


def build_detector(
    spec: Annotated[
        str, typer.Argument(help="A backbone file, a run folder or zoo:NAME.", metavar="SPEC")
    ],
    num_classes: Annotated[
        int | None,
        typer.Option(help="Classes to detect. (as many as names, else the run's or 80)"),
    ] = None,
    names: Annotated[
        str | None, typer.Option(help="Their names, separated by commas.", metavar="A,B,..")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            help="Scale of neck and head: ns nm nl t s m l. (the run's, else the nearest)"
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Price latency on this target. (the run's, else t4)")
    ] = None,
    resize: Annotated[
        str,
        typer.Option(help="How images get to its size: letterbox keeps proportions, or stretch."),
    ] = "letterbox",
    out: Annotated[Path, typer.Option(help="Folder of the detector.")] = Path("runs/detector"),
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Replace the detector in the folder.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Assemble the DAMO-YOLO detector around a backbone and write it into a folder."""
    from dataclasses import replace

    from maenas.blocks import SpecError
    from maenas.blocks.errors import one_of
    from maenas.budgets import load_device
    from maenas.detector import load_template
    from maenas.detector.checkpoints.checkpoint import SPEC_FILE, WEIGHTS_FILE, save_folder
    from maenas.detector.model.spec import Resize
    from maenas.runs.models import find_model
    from maenas.runs.templates import nearest_template
    from maenas.terminal.console import OUT, print_json

    named = find_model(spec)
    chosen = (
        load_template(template) if template else named.template or nearest_template(named.backbone)
    )
    words = tuple(names.split(",")) if names else ()
    if words and num_classes is not None and num_classes != len(words):
        raise SpecError(f"names: must be one a class ({num_classes}), got {len(words)}.")
    one_of("build-detector", "--resize", resize, get_args(Resize))
    if not words:
        known = named.num_classes or DEFAULT_CLASSES
        chosen = chosen.with_classes(known if num_classes is None else num_classes)
    assembled = named.around(chosen, words)
    detector = replace(assembled, resize=resize)  # type: ignore[arg-type]
    for file in (SPEC_FILE, WEIGHTS_FILE):
        if (out / file).exists():
            if not exist_ok:
                raise SpecError(
                    f"{out / file}: exists; --exist-ok replaces it, --out names another folder."
                )
            (out / WEIGHTS_FILE).unlink(missing_ok=True)  # of the old detector
    receipt = (f"maenas build-detector {spec} --template {chosen.name}",)
    save_folder(out, detector, None, receipt)
    target = load_device(device or named.device or "t4")
    result = report(detector, chosen.name, out / SPEC_FILE, target)
    if as_json:
        print_json(result)
    else:
        OUT.print(table(result))
        OUT.print(f"latency {target.about}")
        OUT.print(f"spec: {out / SPEC_FILE} (no weights yet)")
