"""`maenas profile`: a latency table of the device at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.options import Json, Precision, Threads
from maenas.cli.stop import interrupted
from maenas.latency.profile import Request, lines, report, run_profile


def profile(
    device: Annotated[
        str | None,
        typer.Option(
            help="cpu, cuda, tensorrt, torch-cuda, onnxruntime-cpu, or a GPU by name. (cpu)"
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="In under 2 minutes, for a first look.")
    ] = False,
    precision: Precision = None,
    threads: Threads = None,
    space: Annotated[
        list[str] | None,
        typer.Option(help="Space to draw networks from. (all that fit the device)"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Network whose operators are to be measured too: a spec, detector or ONNX file.",
            metavar="NETWORK",
        ),
    ] = None,
    extend: Annotated[
        str | None,
        typer.Option(
            help="Add the networks of --model to this table, a name or a file; it keeps all but "
            "older samples of the same networks.",
            metavar="TABLE",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time to spend. (8, or 1.3 with --quick)")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the networks drawn.")] = 0,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Measure on the node of a Ray cluster that owns the device: auto, or an address.",
            metavar="ADDRESS",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File of the table. (into the user's folder if left out)")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last saved sample.")
    ] = False,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Replace the table.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a device once: a table that prices networks anywhere, and how good it is."""
    from maenas.latency.extend import extend_table
    from maenas.terminal.console import OUT, print_json

    models = tuple(model or ())
    named = "cpu" if device is None else device
    request = Request(named, precision, threads, quick, tuple(space or ()), models, minutes, seed,
                      ray)  # fmt: skip
    with interrupted("the same command with --resume goes on from the last sample"):
        if extend is not None:
            implied = {"device": device, "precision": precision, "threads": threads, "ray": ray,
                       "space": space, "minutes": minutes, "quick": quick or None}  # fmt: skip
            refuse_beside_extend(implied)
            path, table, notes = extend_table(extend, models, out, resume, exist_ok)
        else:
            path, table, notes = run_profile(request, out, resume, exist_ok)
    if as_json:
        print_json(report(path, table, notes))
        return
    for line in lines(path, table, notes):
        OUT.print(line)


def refuse_beside_extend(implied: Mapping[str, object]) -> None:
    """Raise `SpecError` for an option that the table to be extended decides."""
    from maenas.blocks import SpecError

    for name, value in implied.items():
        if value is not None:
            raise SpecError(f"extend: the table decides --{name}; leave it out.")
