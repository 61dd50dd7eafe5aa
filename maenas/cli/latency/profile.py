"""`maenas profile`: measure a latency table of a device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maenas.cli.latency.kit import FromKit, Kit, Name, Runtime, of_kit
from maenas.cli.latency.profile_text import refuse_beside, summary
from maenas.cli.options import ImageSize, Json, Precision, Threads
from maenas.cli.stop import interrupted


def profile(
    device: Annotated[
        str | None,
        typer.Option(
            help="Device: cpu, cuda, tensorrt, torch-cuda, onnxruntime-cpu, or a GPU by name. (cpu)"
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Measure fewer networks, in less than 2 minutes.")
    ] = False,
    precision: Precision = None,
    threads: Threads = None,
    space: Annotated[
        list[str] | None,
        typer.Option(help="Search space to draw networks from. (all that fit the device)"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Network whose operators are measured as well: a spec, detector or ONNX file.",
            metavar="NETWORK",
        ),
    ] = None,
    extend: Annotated[
        str | None,
        typer.Option(
            help="Table, by name or file, to add the networks of --model to; older samples of the "
            "same networks are replaced.",
            metavar="TABLE",
        ),
    ] = None,
    from_table: Annotated[
        str | None,
        typer.Option(
            help="Table of another machine, runtime, precision or number of threads, by name or "
            "file, whose prices few measurements adapt to this device.",
            metavar="TABLE",
        ),
    ] = None,
    measure: Annotated[
        int | None,
        typer.Option(
            help="Number of graphs to measure with --from-table; the most informative are chosen. "
            "(10)",
            metavar="N",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Time limit in minutes. (8, or 1.5 with --quick, or 1 with --from-table)"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the networks.")] = 0,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Measure on the node of a Ray cluster that owns the device: auto, or an address.",
            metavar="ADDRESS",
        ),
    ] = None,
    input_size: ImageSize = None,
    out: Annotated[
        Path | None, typer.Option(help="File of the table. (into the user's folder if left out)")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last saved sample.")
    ] = False,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Replace the table, or the kit.")
    ] = False,
    kit: Kit = None,
    from_kit: FromKit = None,
    runtime: Runtime = None,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Measure a device once and write a table that predicts latency, with its held-out error."""
    import maenas
    from maenas.budgets.image_size import parse_input_size
    from maenas.terminal.console import OUT, print_json

    models = tuple(model or ())
    size = parse_input_size(input_size)
    options = {"device": device, "precision": precision, "threads": threads, "ray": ray,
               "space": space, "minutes": minutes, "quick": quick}  # fmt: skip
    rest = {"extend": extend, "resume": resume, "models": models, "seed": seed, "input_size": size,
            "out": out, "exist_ok": exist_ok, "kit": kit, "from": from_kit, "runtime": runtime,
            "name": name, "from-table": from_table, "measure": measure}  # fmt: skip
    if of_kit({**options, **rest}, as_json):
        return
    if from_table is None:
        refuse_beside("profile", "only --from-table takes", {"measure": measure})
    else:
        chosen = {"quick": quick, "model": model, "extend": extend, "input-size": size}
        refuse_beside("from-table", "a transfer has no", chosen)
    with interrupted("the same command with --resume continues after the last sample"):
        if extend is not None:
            refuse_beside("extend", "the table decides", options)
            result = maenas.extend_profile(
                extend, models, out=out, resume=resume, exist_ok=exist_ok, input_size=size
            )
        else:
            result = maenas.profile(
                device or "cpu",
                precision=precision,
                threads=threads,
                quick=quick,
                spaces=tuple(space or ()),
                models=models,
                minutes=minutes,
                seed=seed,
                ray=ray,
                out=out,
                resume=resume,
                exist_ok=exist_ok,
                input_size=size,
                from_table=from_table,
                measure=10 if measure is None else measure,
            )
    if as_json:
        print_json(result.to_json())
        return
    for line in summary(result):
        OUT.print(line)
