"""`maenas tables`: list the latency tables with their held-out error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maenas.cli.options import Json

if TYPE_CHECKING:
    from maenas.latency.tables import TableEntry, TablesResult


def tables(as_json: Json = False) -> None:
    """List the latency tables, usable by name as --device, with their held-out error."""
    import maenas
    from maenas.terminal.console import print_json

    result = maenas.tables()
    print_json(result.to_json()) if as_json else print_tables(result)


def print_tables(result: TablesResult) -> None:
    """Print a table of the tables, and the folder that holds the measured ones."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.terminal.console import OUT

    listing = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    for column in ("device", "kind", "error", "about"):
        listing.add_column(column, overflow="fold")
    for table in result.tables:
        listing.add_row(table.device, table.kind, error_text(table), table.about)
    OUT.print(listing)
    OUT.print(f"measured tables lie in {result.folder}")


def error_text(table: TableEntry) -> str:
    """The error of a table in a few words; empty for an estimate."""
    if table.warning:
        return f"UNRELIABLE: {table.warning}"
    if table.mean_error is None:
        return ""
    return f"{100 * table.mean_error:.1f}% on {table.networks}"
