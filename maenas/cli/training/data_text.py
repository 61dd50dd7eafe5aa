"""The result of `maenas data check` as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from maenas.detector.data.check import CheckResult, SplitCounts
    from maenas.detector.data.dataset import DataProblem

MOST_CLASSES = 20  # classes that a table lists without --all
FIRST = 5  # problems of each kind that are listed without --all


def counts(result: CheckResult) -> list[str]:
    """A line for each split."""
    from maenas.terminal.console import count_of

    lines = []
    for split, counted in result.splits.items():
        ranked = sorted(counted.classes.items(), key=lambda item: -item[1])
        classes = ", ".join(f"{name} {count:,}" for name, count in ranked[:5])
        rest = f" and {count_of(len(ranked) - 5, 'class')} more" if len(ranked) > 5 else ""
        if counted.crowds:
            rest += f"; {count_of(counted.crowds, 'region')} to ignore"
        if counted.left_out:
            rest += f"; {count_of(counted.left_out, 'image')} left out"
        lines.append(
            f"{split}: {count_of(counted.images, 'image')} ({counted.background:,} "
            f"background), {count_of(counted.objects, 'object')}: {classes}{rest}"
        )
        for name, one in counted.sources.items():
            regions = f", {count_of(one.crowds, 'region')} to ignore" if one.crowds else ""
            lines.append(
                f"  {name}: {count_of(one.images, 'image')}, {count_of(one.objects, 'object')} of "
                f"{count_of(len(one.classes), 'class')}{regions}"
            )
    return lines


def class_table(split: str, counted: SplitCounts, show_all: bool) -> Table:
    """Objects of each class in each data set of a union; a dash where it is not annotated."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(split, overflow="fold")
    for name in (*counted.sources, "all"):
        table.add_column(name, justify="right")
    ranked = sorted(counted.classes.items(), key=lambda item: -item[1])
    shown = ranked if show_all else ranked[:MOST_CLASSES]
    for name, count in shown:
        own = (each.classes.get(name) for each in counted.sources.values())
        table.add_row(name, *("-" if n is None else f"{n:,}" for n in own), f"{count:,}")
    if len(shown) < len(ranked):
        table.add_row(f".. {len(ranked) - len(shown):,} more; --all lists them")
    return table


def problems_text(problems: Sequence[DataProblem], show_all: bool) -> list[str]:
    """Lines with errors, then warnings; only the first of each kind unless `show_all` is set."""
    from maenas.terminal.console import count_of

    if not problems:
        return ["no problem found"]
    lines = []
    for severity in ("error", "warning"):
        for group in ("files", "images", "labels", "balance"):
            found = [p for p in problems if (p.severity, p.group) == (severity, group)]
            found.sort(key=lambda problem: not problem.skips)
            shown = found if show_all else found[:FIRST]
            lines += [f"{severity} ({group}): {problem}" for problem in shown]
            if len(shown) < len(found):
                lines.append(f"  and {len(found) - len(shown):,} more like it; --all lists them")
    errors = sum(problem.severity == "error" for problem in problems)
    skipped = sum(problem.skips for problem in problems)
    lines.append(
        f"{count_of(errors, 'error')}, {count_of(len(problems) - errors, 'warning')}"
        + (f"; a training skips {skipped:,} labels or images" if skipped else "")
    )
    return lines
