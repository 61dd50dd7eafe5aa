"""`maenas calibrate`: adapt an estimate to a few networks that were timed on a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import OUTPUT, Json

if TYPE_CHECKING:
    from maenas.latency.calibrate import CalibrateResult


def calibrate(
    rows: Annotated[
        Path,
        typer.Argument(
            help="A CSV file with the columns network (an .onnx file, a spec or zoo:NAME) and "
            "latency_ms, and if needed input_size, family, template.",
            metavar="ROWS.csv",
        ),
    ],
    runtime: Annotated[
        str, typer.Option(help="Runtime of the rows: tensorrt, openvino, onnxruntime, ncnn, ...")
    ],
    precision: Annotated[str, typer.Option(help="Number format of the rows: f32 bf16 f16 int8.")],
    sms: Annotated[
        int | None, typer.Option(help="Number of multiprocessors of a GPU. (the base's)")
    ] = None,
    power: Annotated[
        str | None, typer.Option(help="Power mode of the device, such as 15W, for its name.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="Estimate or table to start from. (t4 for a GPU, intel-8163 for a CPU)",
            metavar="DEVICE",
        ),
    ] = None,
    multipliers: Annotated[
        str, typer.Option(help="Parts with a multiplier of their own: 1, several or auto.")
    ] = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            help="File of the estimate. (ROWS-RUNTIME-PRECISION.yaml in the folder of tables)",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Replace the file.", rich_help_panel=OUTPUT)
    ] = False,
    as_json: Json = False,
) -> None:
    """Estimate a device from the latency of a few whole networks, timed by any tool."""
    import maenas
    from maenas.terminal.console import print_json

    result = maenas.calibrate(
        rows,
        runtime=runtime,
        precision=precision,
        sms=sms,
        power=power,
        base=base,
        multipliers=multipliers,
        out=out,
        exist_ok=exist_ok,
    )
    print_json(result.to_json()) if as_json else print_calibration(result)


def print_calibration(result: CalibrateResult) -> None:
    """Print each row with its predictions, the errors, and the files."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.terminal.console import OUT

    found = result.found
    listing = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    for column in ("network", "given", "fitted", "error", "left out", "error"):
        listing.add_column(column, justify="left" if column == "network" else "right")
    for row, fitted, left_out in zip(
        result.rows, found.predicted_ms, found.held_out_ms, strict=True
    ):
        errors = [f"{100 * (ms / row.latency_ms - 1):+.1f}%" for ms in (fitted, left_out)]
        texts = [f"{ms:.4g} ms" for ms in (row.latency_ms, fitted, left_out)]
        listing.add_row(row.network, texts[0], texts[1], errors[0], texts[2], errors[1])
    OUT.print(listing)
    factors = ", ".join(f"{name} {factor:g}" for name, factor in found.fit.multipliers.items())
    OUT.print(f"multipliers: {factors}")
    OUT.print(f"mean error {found.fit.held_out_mean:.1f}% on networks left out one by one")
    for family, error in found.fit.families.items():
        OUT.print(f"mean error {error:.1f}% on {family}, fitted to the other families")
    for note in found.notes:
        OUT.print(f"note: {note}")
    OUT.print(f"wrote {result.path} and {result.plot}")
    OUT.print(f"next        maenas predict NETWORK --device {result.path}")
