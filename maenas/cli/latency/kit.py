"""Options of `maenas profile` for kits, which measure a device without Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from maenas.cli.latency.profile_text import kit_text, refuse_beside, summary

PANEL = "A device without Python"
Kit = Annotated[
    Path | None,
    typer.Option(
        help="Write a kit into this new folder: small networks and a shell script that times them "
        "by the tool of --runtime.",
        metavar="DIR",
        rich_help_panel=PANEL,
    ),
]
FromKit = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="Read the kit in this folder, which came back from the device, into a table.",
        metavar="DIR",
        rich_help_panel=PANEL,
    ),
]
Runtime = Annotated[
    str | None,
    typer.Option(
        help="Tool on the device: trtexec, benchmark_app, benchncnn or onnxruntime_perf.",
        metavar="TOOL",
        rich_help_panel=PANEL,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(help="Name of the kit's table. (that of the folder)", rich_help_panel=PANEL),
]


def of_kit(options: Mapping[str, Any], as_json: bool) -> bool:
    """Write or read a kit if the options ask for one; returns whether they do.

    Args:
        options: values of the command's options by name.
        as_json: whether to print JSON.
    Raises:
        MaenasError: for an option that does not belong to kits, or to any other part without them.
    """
    import maenas
    from maenas.blocks import SpecError
    from maenas.terminal.console import OUT, print_json

    kit, folder = options["kit"], options["from"]
    if kit is None and folder is None:
        if options["from-table"] is not None:
            why = "--device names the runtime, such as onnxruntime-cpu, instead of"
            refuse_beside("from-table", why, _some(options, "runtime"))
        refuse_beside("profile", "only a kit has", _some(options, "runtime", "name"))
        return False
    if kit is not None and folder is not None:
        raise SpecError("profile: --kit writes a kit, --from reads one; give one of them.")
    outside = ("device", "quick", "space", "extend", "minutes", "ray", "resume", "from-table",
               "measure")  # fmt: skip
    refuse_beside("kit", "a kit has no", _some(options, *outside))
    if kit is not None:
        refuse_beside("kit", "--from takes", _some(options, "out"))
        if options["runtime"] is None:
            raise SpecError("kit: --runtime names the tool on the device, such as trtexec.")
        keys = ("precision", "threads", "name", "seed", "input_size", "exist_ok")
        written = maenas.write_kit(
            kit, options["runtime"], models=options["models"], **_some(options, *keys)
        )
        result: Any = written
        lines = kit_text(written)
    else:
        decided = ("runtime", "precision", "threads", "models", "input_size")
        refuse_beside("from", "the kit decides", _some(options, *decided))
        result = maenas.read_kit(folder, **_some(options, "name", "out", "exist_ok"))
        lines = summary(result)
    if as_json:
        print_json(result.to_json())
    else:
        for line in lines:
            OUT.print(line)
    return True


def _some(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The values of some options by name; an empty list counts as not given."""
    return {name: options[name] if options[name] != () else None for name in names}
