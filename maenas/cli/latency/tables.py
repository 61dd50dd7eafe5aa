"""`maenas tables`: list the latency tables and estimates, or show one of them in detail."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import Json

if TYPE_CHECKING:
    from maenas.latency.tables import TablesResult


def tables(
    action: Annotated[
        str | None, typer.Argument(metavar="show", help="Show one table in detail.")
    ] = None,
    table: Annotated[
        str | None, typer.Argument(metavar="TABLE", help="Table or estimate: its name or file.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="PNG with errors and price curves of the table to show.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the latency tables and estimates with error, protocol, age and disturbance.

    `maenas tables show TABLE` explains one: kernels, price curves, residuals by family.
    """
    import maenas
    from maenas.blocks import SpecError
    from maenas.blocks.files.suffixes import suffix_of
    from maenas.cli.latency.table_text import print_table
    from maenas.terminal.console import OUT, print_json

    if action is None:
        if plot is not None:
            raise SpecError("plot: draws one table; name it: maenas tables show TABLE --plot FILE.")
        result = maenas.tables()
        print_json(result.to_json()) if as_json else print_tables(result)
        return
    if action != "show" or table is None:
        raise SpecError(
            f"tables: expected `maenas tables show TABLE`, got {action!r}; without arguments it "
            "lists the tables."
        )
    if plot is not None and suffix_of(plot) != ".png":
        raise SpecError(f"{plot}: a plot is a file that ends in .png; name one with --plot.")
    view = maenas.table(table)
    if plot is not None:
        from maenas.latency.plots import plot_table

        plot_table(view, plot)
    if as_json:
        print_json(view.to_json())
        return
    print_table(view)
    if plot is not None:
        OUT.print(f"plot: {plot}")


def print_tables(result: TablesResult) -> None:
    """Print a table of the tables, and the folder that holds the measured ones."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.cli.latency.table_text import age_text, error_text
    from maenas.terminal.console import OUT

    listing = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    for column in ("device", "kind", "error", "protocol", "age", "disturbed"):
        listing.add_column(column, overflow="fold")
    for table in result.tables:
        told = table.about if table.kind == "damaged" else table.protocol
        found = table.disturbance
        disturbed = "" if found is None else f"{found.disturbed} of {found.samples}"
        listing.add_row(
            table.device, table.kind, error_text(table), told, age_text(table), disturbed
        )
    OUT.print(listing)
    OUT.print(f"measured tables lie in {result.folder}; `maenas tables show TABLE` explains one")
