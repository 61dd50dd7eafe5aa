"""`maenas schema`: JSON Schemas of the file formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def schema(
    format: Annotated[
        str | None,
        typer.Argument(help="Name of the format. (a list of all)", metavar="FORMAT"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the schema, or for all of them, as FORMAT.schema.json."),
    ] = None,
) -> None:
    """Print the JSON Schema of a file format: its keys, types, defaults and their meaning.

    Editors complete and check YAML files with it: put "# yaml-language-server:
    $schema=schemas/space.schema.json" in the first line of a search space.
    """
    import maenas
    from maenas.terminal.console import OUT, print_json

    if out is not None:
        names = [format] if format is not None else list(maenas.schemas(out=out))
        if format is not None:
            maenas.schema(format, out=out)
        OUT.print(f"{len(names)} schema{'s' * (len(names) != 1)} in {out}")
    elif format is not None:
        print_json(maenas.schema(format), indent=2)
    else:
        print_formats()


def print_formats() -> None:
    """Print a table of the formats."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.file_formats.formats import FORMATS
    from maenas.terminal.console import OUT

    table = Table("format", "files", box=SIMPLE_HEAD, padding=0, show_edge=False)
    for each in FORMATS.values():
        table.add_row(each.name, each.files)
    OUT.print(table)
    OUT.print("maenas schema FORMAT prints one, maenas schema --out DIR writes all.")
