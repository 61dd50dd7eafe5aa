"""Pieces of HTML without scripts: tables, facts, figures, gauges and commands to copy."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from maenas.blocks.files.words import printable

Row = Sequence[object]


def text(value: object) -> str:
    """A value as text of HTML; names from files may hold any character.

    Characters that cannot be printed are escaped, since some reverse the text beside them.
    """
    lines = str(value).split("\n")
    return html.escape("\n".join(map(printable, lines)), quote=True)


def table(
    caption: str, head: Sequence[str], rows: Sequence[Row], numbers: Sequence[int] = ()
) -> str:
    """A table in a box that scrolls by itself if the screen is narrow.

    Args:
        caption: title of the table.
        head: titles of the columns.
        rows: cells; one that is `Markup` is inserted as it is.
        numbers: indices of the columns that hold numbers, which are aligned to the right.
    """
    marks = [' class="number"' if index in numbers else "" for index in range(len(head))]
    heads = "".join(
        f'<th scope="col"{mark}>{text(name)}</th>' if name else "<td></td>"
        for name, mark in zip(head, marks, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{mark}>{cell(value)}</td>" for value, mark in zip(row, marks, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def cell(value: object) -> str:
    """The content of a cell as HTML."""
    return value if isinstance(value, Markup) else text(value)


Facts = Sequence[tuple[str, object]]


def facts(rows: Facts, kind: str = "") -> str:
    """Names and values; "wide" gives each pair a line of its own."""
    pairs = "".join(f"<div><dt>{text(name)}</dt><dd>{cell(v)}</dd></div>" for name, v in rows)
    return f'<dl class="facts {text(kind)}">{pairs}</dl>'


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a summary.

    Attributes:
        label: name of the quantity.
        value: value with its unit.
        note: what the value is compared with; "" for nothing.
        good: whether the note reports a proof or a limit that is met.
    """

    label: str
    value: str
    note: str = ""
    good: bool = False


def figures(found: Sequence[Figure]) -> str:
    """The numbers of a summary side by side."""
    tiles = "".join(
        f'<div class="tile"><dt>{text(one.label)}</dt><dd><span class="value">{text(one.value)}'
        f'</span><span class="note{" good" if one.good else ""}">{text(one.note)}</span></dd></div>'
        for one in found
    )
    return f'<dl class="tiles">{tiles}</dl>'


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of a budget a network spends.

    Attributes:
        label: name of the budget.
        spent: cost of the network, with its unit.
        limit: limit with its unit.
        share: cost divided by the limit.
        binds: whether the network has reached the limit.
    """

    label: str
    spent: str
    limit: str
    share: float
    binds: bool


def gauges(found: Sequence[Gauge]) -> str:
    """One bar per budget."""
    rows = "".join(
        f'<li class="gauge{" binds" if one.binds else ""}"><span class="name">{text(one.label)}'
        f'</span><span class="bar"><span style="width:{min(100.0, 100 * one.share):.1f}%"></span>'
        f'</span><span class="amount">{text(one.spent)} of {text(one.limit)} '
        f"({100 * one.share:.1f} %{', binds' if one.binds else ''})</span></li>"
        for one in found
    )
    return f'<ul class="gauges">{rows}</ul>'


def commands(found: Sequence[tuple[str, str]]) -> str:
    """Commands with what they do, each with a button that copies it."""
    return "".join(f"<p>{text(about)}</p>{copyable(line, about)}" for about, line in found)


def copyable(content: str, name: str) -> str:
    """Text with a button that copies it."""
    return (
        f'<div class="copyable"><pre tabindex="0" aria-label="{text(name)}"><code>{text(content)}'
        f'</code></pre><button type="button" data-copy aria-label="Copy: {text(name)}">Copy'
        "</button></div>"
    )


def notes(found: Sequence[str]) -> str:
    """Notes for the reader, one bullet each; "" without any."""
    if not found:
        return ""
    return f'<ul class="notes">{"".join(f"<li>{text(note)}</li>" for note in found)}</ul>'


def paragraph(content: str, kind: str = "") -> str:
    """A paragraph of text."""
    mark = f' class="{text(kind)}"' if kind else ""
    return f"<p{mark}>{text(content)}</p>"


def folded(title: str, content: str) -> str:
    """HTML that the reader opens; a page is printed with what is open."""
    return f"<details><summary>{text(title)}</summary>{content}</details>"
