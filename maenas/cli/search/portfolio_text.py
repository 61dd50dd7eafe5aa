"""`maenas search --portfolio`: its options checked, its result printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.backbone_search.portfolio.result import Portfolio
    from maenas.budgets.image_size import InputSize


def require_spans(
    is_portfolio: bool,
    devices: Sequence[str | None],
    templates: Sequence[str | None],
    sides: Sequence[InputSize],
) -> None:
    """Raise `SpecError` for an option that is repeated where it may not be.

    Several templates or input sizes need a portfolio, which takes one device for its budgets.
    """
    from maenas.blocks import SpecError

    if is_portfolio and len(devices) > 1:
        raise SpecError(
            "portfolio: all networks meet the same budgets; name each device in its budget, such "
            "as --budget 3ms@t4 --budget 30ms@cpu."
        )
    for option, given in (("template", templates), ("input-size", sides)):
        if len(given) > 1 and not is_portfolio:
            raise SpecError(
                f"search: --{option} is given {len(given)} times; only --portfolio 3 spans several."
            )


def print_portfolio(found: Portfolio) -> None:
    """Print the networks of a portfolio side by side."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from maenas.backbone_search.portfolio.result import HEAD, HOW, REPORT_FILE, rows
    from maenas.terminal.console import OUT

    table = Table(box=SIMPLE_HEAD, title=f"portfolio in {found.folder}", padding=0)
    table.add_column("", overflow="fold")
    for row in rows(found):
        table.add_column(row[0], justify="right", overflow="fold")
    for name, *cells in zip(HEAD[1:], *(row[1:] for row in rows(found)), strict=True):
        table.add_row(name, *cells)
    OUT.print(table)
    OUT.print(HOW)
    for note in found.notes:
        OUT.print(f"note: {note}")
    OUT.print(f"report: {found.folder / REPORT_FILE}")
    OUT.print(f"next: {found.next}")
