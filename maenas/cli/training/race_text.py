"""The result of `maenas race` as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.evidence.race_result import RaceResult


def print_race(result: RaceResult) -> None:
    """Print the AP of each network in each round, and the winner."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.terminal.console import OUT, count_of

    table = Table(box=SIMPLE_HEAD, title=f"race in {result.folder}")
    table.add_column("network")
    for each in result.rounds:
        table.add_column(f"AP after {count_of(each.epochs, 'epoch')}", justify="right")
    aps = [{name: ap for name, ap, _ in each.networks} for each in result.rounds]
    for name in aps[0]:
        cells = [f"{found[name]:.4f}" if name in found else "" for found in aps]
        table.add_row(name, *cells)
    OUT.print(table)
    ap = result.trained.best_ap
    accuracy = "" if ap is None else f": best AP {ap:.4f} in {count_of(result.epochs, 'epoch')}"
    OUT.print(f"winner {result.winner}{accuracy}; {result.trained.detector}")
