"""The result of `maenas judge` as text."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.evidence.agreement import Estimate
    from maenas.evidence.verdict import Verdict


def print_verdict(verdict: Verdict) -> None:
    """Print a table of features by agreement, and where the files are."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.terminal.console import OUT

    for name in dict.fromkeys(each.comparison for each in verdict.agreements):
        found = [each for each in verdict.agreements if each.comparison == name]
        table = Table(box=SIMPLE_HEAD, title=f"{found[0].networks:,} networks, {name}")
        in_groups = any(isfinite(each.kendall.value) for each in found)
        columns = ("Spearman [95 %]", "Kendall [95 %]") if in_groups else ("pairs [95 %]",)
        table.add_column("feature")
        for column in columns:
            table.add_column(column, justify="right")
        for each in found:
            kendall = [cell(each.kendall)] if in_groups else []
            table.add_row(each.feature, cell(each.spearman), *kendall)
        OUT.print(table)
        if not in_groups:
            OUT.print("pairs: share in the order of their accuracies minus that in opposite order")
    if verdict.lengths is not None:
        OUT.print(f"short and long trainings agree by {cell(verdict.lengths)}")
    if verdict.seeds is not None and verdict.attainable is not None:
        OUT.print(
            f"two seeds of the same networks agree by {cell(verdict.seeds)}; a score without error "
            f"would agree by {cell(verdict.attainable)}"
        )
    OUT.print("1: the order of the accuracies, 0: no relation, -1: the opposite order")
    if verdict.folder is not None:
        OUT.print(f"table: {verdict.table}; picture: {verdict.folder / 'judge.png'}")


def cell(found: Estimate) -> str:
    """An estimate, such as `+0.42 [+0.39, +0.44]`; "-" where it is not defined."""
    if found.value != found.value:
        return "-"
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
