"""The result of `maenas train-family` as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.training.family_result import FamilyResult


def print_family(result: FamilyResult) -> None:
    """Print a table of the members, the most expensive first, and the path of the plot."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.terminal.console import OUT
    from maenas.training.family import PLOT_FILE

    table = Table(box=SIMPLE_HEAD, title=f"family in {result.folder}")
    for name in ("member", f"ms {result.device.claim}", "GFLOPs", "params M", "AP", "AP50"):
        table.add_column(name, justify="left" if name == "member" else "right")
    table.add_column("taught by")
    for member in result.members:
        table.add_row(
            member.name,
            f"{member.latency_ms:.3f}",
            f"{2 * member.price.macs / 1e9:.2f}",
            f"{member.price.params / 1e6:.2f}",
            *("-" if ap is None else f"{ap:.4f}" for ap in (member.ap, member.ap50)),
            member.teacher or "none",
        )
    OUT.print(table)
    if any(member.ap is not None for member in result.members):
        OUT.print(f"figure: {result.folder / PLOT_FILE}")
