"""`maenas search --portfolio`: its options checked, its result as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.backbone_search.effort import Effort
    from maenas.budgets.image_size import InputSize
    from maenas.runs.config import SearchConfig


def require_one(templates: Sequence[str | None], sides: Sequence[InputSize]) -> None:
    """Raise `SpecError` if a search without a portfolio has several templates or input sizes."""
    from maenas.blocks import SpecError

    for option, given in (("template", templates), ("input-size", sides)):
        if len(given) > 1:
            raise SpecError(
                f"search: --{option} is given {len(given)} times; only --portfolio 3 spans several."
            )


def require_no_more(devices: Sequence[str | None], resume: bool) -> None:
    """Raise `SpecError` for options that a portfolio does not have."""
    from maenas.blocks import SpecError

    if len(devices) > 1:
        raise SpecError(
            "portfolio: all networks meet the same budgets; name each device in its budget, such "
            "as --budget 3ms@t4 --budget 30ms@cpu."
        )
    if resume:
        raise SpecError("portfolio: is solved in one go; repeat it with --exist-ok, not --resume.")


def print_portfolio(
    config: SearchConfig,
    count: int,
    spaces: Sequence[str | None],
    templates: Sequence[str | None],
    sides: Sequence[InputSize],
    out: Path | None,
    exist_ok: bool,
    effort: Effort,
    as_json: bool,
) -> None:
    """Find a portfolio and print its networks side by side, or its data as JSON."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    import maenas
    from maenas.backbone_search.portfolio.result import HEAD, HOW, REPORT_FILE, rows
    from maenas.terminal.console import OUT, print_json

    found = maenas.search_portfolio(
        config, count, spaces, templates, sides, effort=effort, out=out, exist_ok=exist_ok
    )
    if as_json:
        print_json(found.to_json())
        return
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
