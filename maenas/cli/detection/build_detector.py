"""`maenas build-detector`: add neck and head to a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import ImageSize, Json
from maenas.cli.training.train_options import Init

if TYPE_CHECKING:
    from rich.table import Table

    from maenas.detection.build import BuildResult


def build_detector(
    spec: Annotated[
        str, typer.Argument(help="A backbone file, a run folder or zoo:NAME.", metavar="SPEC")
    ],
    num_classes: Annotated[
        int | None,
        typer.Option(help="Number of classes. (as many as names, else the run's or 80)"),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            help="Names of the classes, separated by commas. (the run's)", metavar="A,B,.."
        ),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            help="Scale of neck and head: ns nm nl t s m l, cn cs for CPUs, or your own .yaml. "
            "(the run's, else the nearest)"
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Price latency on this target. (the run's, else t4)")
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            help="Number of channels of the images: 3 for RGB, 1 for grey. (the backbone's)"
        ),
    ] = None,
    input_size: ImageSize = None,
    resize: Annotated[
        str | None,
        typer.Option(
            help="How images are resized: letterbox keeps the proportions, stretch does not. (the "
            "run's, else that of --init, else letterbox)"
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="zero, whose detections need NMS, or one-to-one, which needs none and is "
            "experimental: compare with `val --branch one-to-many`. (the run's, "
            "else zero)"
        ),
    ] = None,
    init: Init = None,
    out: Annotated[Path, typer.Option(help="Folder of the detector.")] = Path("runs/detector"),
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Replace the detector in the folder.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build the DAMO-YOLO detector around a backbone and write it into a folder."""
    import maenas
    from maenas.budgets.image_size import parse_input_size
    from maenas.terminal.console import OUT, print_json
    from maenas.terminal.device_warnings import warn_of

    result = maenas.build_detector(
        spec,
        out,
        num_classes=num_classes,
        names=names.split(",") if names else (),
        template=template,
        device=device,
        channels=channels,
        input_size=parse_input_size(input_size),
        resize=resize,
        head=head,
        init=init,
        exist_ok=exist_ok,
    )
    warn_of([result.device])
    if as_json:
        print_json(result.to_json())
        return
    OUT.print(costs(result))
    OUT.print(f"latency {result.device.about}")
    if result.inheritance is None:
        OUT.print(f"spec: {result.path} (no weights yet)")
    else:
        OUT.print(result.inheritance.summary())
        OUT.print(f"spec: {result.path}, with these weights")


def costs(result: BuildResult) -> Table:
    """A table with the cost of each part."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.detector.channels import shown_shape

    spec = result.spec
    shape = shown_shape(spec.backbone.in_shape)
    table = Table(
        title=f"{spec.head.num_classes} classes, {shape}, template {result.template}"
        + (", one-to-one head without NMS" if spec.head.one_to_one else ""),
        box=SIMPLE_HEAD,
    )
    for name in ("part", "params M", "GMACs", "GFLOPs", "ms", "%"):
        table.add_column(name, justify="left" if name == "part" else "right")
    total = result.costs["total"].latency_ms
    for name, price in result.costs.items():
        table.add_row(
            name,
            f"{price.params / 1e6:.3f}",
            f"{price.macs / 1e9:.3f}",
            f"{2 * price.macs / 1e9:.2f}",
            f"{price.latency_ms:.3f}",
            f"{100 * price.latency_ms / total:.1f}",
        )
    return table
