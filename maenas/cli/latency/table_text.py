"""One latency table in detail, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.latency.table_view import TableView
    from maenas.latency.tables import TableEntry


def print_table(view: TableView) -> None:
    """Print protocol, errors by family and kernels of a table."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.terminal.console import OUT

    for line in head(view):
        OUT.print(line)
    families = [
        {
            "family": family.family,
            "networks": "" if family.networks is None else str(family.networks),
            "mean error": f"{100 * family.mean_error:.1f}%",
            "bias": "" if family.bias is None else f"{100 * family.bias:+.1f}%",
        }
        for family in view.families
    ]
    kernels = []
    for kernel in view.kernels:
        ranges = (f"{low:g}-{high:g}" for low, high in kernel.sizes)
        kernels.append(
            {
                "kernel": kernel.kernel,
                "layers": "" if kernel.layers is None else str(kernel.layers),
                "error": "" if kernel.mean_error is None else f"{100 * kernel.mean_error:.0f}%",
                **dict(zip(("in", "out", "positions"), ranges, strict=False)),
            }
        )
    for rows in (families, kernels):
        columns = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
        listing = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
        for name in columns:  # an estimate knows less than a measured table
            listing.add_column(name, no_wrap=name != "kernel")
        for row in rows:
            listing.add_row(*(row[name] for name in columns))
        if rows:
            OUT.print(listing)


def head(view: TableView) -> list[str]:
    """Lines on the protocol, the age and the errors of a table."""
    entry = view.entry
    lines = [
        f"{entry.device}: {entry.kind}, {entry.protocol}",
        entry.about,
        f"error: {error_text(entry) or 'unknown'}; age: {age_text(entry) or 'unknown'}",
    ]
    if entry.disturbance is not None:
        lines.append(entry.disturbance.line())
    if view.samples:
        lines.append(", ".join(f"{count} {role}" for role, count in view.samples.items()))
    if view.provenance:
        lines.append(", ".join(f"{key} {value}" for key, value in view.provenance.items()))
    if view.left_out:
        errors = (f"{name} {100 * error:+.1f}%" for name, error in view.left_out.items())
        lines.append(f"left out of the calibration: {', '.join(errors)}")
        if not view.families:
            lines.append("all of one family: the error on networks of other families is unknown")
    return lines


def error_text(table: TableEntry) -> str:
    """The error of a table in a few words; empty if it is unknown."""
    if table.warning:
        return f"UNRELIABLE: {table.warning}"
    if table.mean_error is None:
        return ""
    return f"{100 * table.mean_error:.1f}% on {table.networks}"


def age_text(table: TableEntry) -> str:
    """The age of a measurement or of a calibration; empty if unknown."""
    days = table.age_days
    if days is None:
        return ""
    return "today" if days < 1 else f"{days} day" + "s" * (days != 1)
