"""The result of `maenas data stats` as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.detector.data.sampling.stats import DataStats, Frequency

ENDS = 10  # classes that are listed from each end without --all
LONGEST = 24  # characters of a name
BAR = 20  # characters of the longest bar


def stats_text(stats: DataStats, show_all: bool) -> list[str]:
    """A table of sources and one of classes, with bars of the shares before and after sampling."""
    from maenas.terminal.console import count_of

    options = stats.sampling
    rare = options.class_aware
    how = (
        "every image once"
        if options.is_plain
        else f"power {options.power}, "
        + ("class-aware" if rare is True else f"class-aware below {rare}" if rare else "no classes")
        + (f", cap {options.cap}" if rare else "")
    )
    lines = [
        f"{stats.split}: {count_of(stats.images, 'image')} ({stats.background:,} background); an "
        f"epoch draws {stats.drawn:,} ({how})",
        *table("source", stats.sources),
    ]
    classes = sorted(stats.classes, key=lambda each: -each.images)
    if show_all or len(classes) <= 2 * ENDS:
        return [*lines, *table("class", classes)]
    classes, without = with_images(classes)
    end = [f"  and {count_of(without, 'class')} without an image"] if without else []
    left_out = len(classes) - 2 * ENDS
    if left_out <= 0:
        return [*lines, *table("class", classes), *end]
    rows = table("class", [*classes[:ENDS], *classes[-ENDS:]])
    middle = f"  and {count_of(left_out, 'class')} between them; --all lists them"
    return [*lines, *rows[: ENDS + 1], middle, *rows[ENDS + 1 :], *end]


def with_images(classes: Sequence[Frequency]) -> tuple[list[Frequency], int]:
    """The classes that images hold, and the number of the others."""
    held = [each for each in classes if each.images]
    return held, len(classes) - len(held)


def table(what: str, rows: Sequence[Frequency]) -> list[str]:
    """A heading and a line for each row; bars are to the scale of this table."""
    largest = max((max(row.share, row.drawn_share) for row in rows), default=0.0) or 1.0
    width = max(len(what), *(len(shortened(row.name)) for row in rows))
    lines = [
        f"{what:{width}}  {'images':>11}  {'objects':>12}  {'before':{BAR + 8}}"
        f"{'after':{BAR + 8}}{'epochs':>7}"
    ]
    for row in rows:
        before, after = (f"{bar(each / largest)}" for each in (row.share, row.drawn_share))
        lines.append(
            f"{shortened(row.name):{width}}  {row.images:>11,}  {row.objects:>12,}  "
            f"{row.share:>6.2%} {before:{BAR + 1}}{row.drawn_share:>6.2%} {after:{BAR + 1}}"
            f"{row.epochs:>7.2f}"
        )
    return lines


def bar(share: float) -> str:
    """A bar of a share of the longest one; something is drawn for anything above 0."""
    return "▇" * (max(1, round(BAR * share)) if share > 0 else 0)


def shortened(name: str) -> str:
    """The name, cut to the width of its column."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
