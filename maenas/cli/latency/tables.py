"""`maenas tables`: list the latency tables with their held-out error."""

from __future__ import annotations

from typing import Any

from maenas.cli.options import Json

SCHEMA = "maenas/tables@1"


def tables(as_json: Json = False) -> None:
    """List the latency tables, usable by name as --device, with their held-out error."""
    from dataclasses import asdict

    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.blocks import MaenasError
    from maenas.budgets.device import bundled_names, load_bundled, tables_folder, user_tables
    from maenas.terminal.console import OUT, print_json

    rows: list[dict[str, Any]] = []
    for name, table in user_tables().items():
        if isinstance(table, MaenasError):
            rows.append({"device": name, "kind": "damaged", "about": str(table)})
            continue
        rows.append(
            {
                "device": name,
                "kind": "measured",
                "about": table.about,
                "networks": len(table.errors.names),
                "disturbance": asdict(table.disturbance),
                "warning": table.warning,
            }
        )
        if table.errors.names:
            rows[-1] |= {
                "mean_error": table.errors.mean,
                "within_10": table.errors.within_10,
            }
    for name in bundled_names():
        rows.append({"device": name, "kind": "estimated", "about": load_bundled(name).about})
    if as_json:
        print_json({"schema": SCHEMA, "folder": str(tables_folder()), "tables": rows})
        return
    listing = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    for column in ("device", "kind", "error", "about"):
        listing.add_column(column, overflow="fold")
    for row in rows:
        error = (
            f"{100 * row['mean_error']:.1f}% on {row['networks']}" if "mean_error" in row else ""
        )
        if row.get("warning"):
            error = f"UNRELIABLE: {row['warning']}"
        listing.add_row(row["device"], row["kind"], error, row["about"])
    OUT.print(listing)
    OUT.print(f"measured tables lie in {tables_folder()}")
