"""Consoles for output: results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

WIDTH_OF_FILES = 110  # width of tables in characters without a terminal
HAS_WIDTH = sys.stdout.isatty() or "COLUMNS" in os.environ


def printable(text: str) -> str:
    r"""A text that is safe to print: unprintable characters are escaped, such as `\n` or `\x1b`.

    Names of files and classes can contain anything: an escape sequence changes the terminal, a
    line break can fake a line of this program, and bytes of a file name that are not UTF-8 cannot
    be encoded.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


class Terminal(Console):
    """A console that prints only printable characters, also in tables."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text of a line or a cell, escaped by `printable` and styled by rich."""
        return super().render_str(printable(text), **options)


class Results(Terminal):
    """Stdout: long lines are not wrapped in a file or pipe, since another program may read them."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does, but do not wrap text in a file or pipe."""
        is_text = all(isinstance(each, str) for each in objects)
        options.setdefault("soft_wrap", is_text and not HAS_WIDTH)
        super().print(*objects, **options)


OUT = Results(
    width=None if HAS_WIDTH else WIDTH_OF_FILES,
    markup=False,  # a path may contain brackets and colons
    emoji=False,
    highlight=False,
)
ERR = Terminal(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_json(data: Mapping[str, Any], indent: int | None = None) -> None:
    """Print one JSON object on stdout; unprintable characters become JSON escapes.

    Args:
        data: the object.
        indent: spaces of each level; None for one line.
    """
    is_utf = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(data, ensure_ascii=not is_utf, indent=indent)
    kept = "" if indent is None else "\n"
    if not text.isprintable():
        text = "".join(
            sign if sign.isprintable() or sign in kept else json.dumps(sign)[1:-1] for sign in text
        )
    print(text)


def count_of(number: int, what: str) -> str:
    """A number with its noun, such as "1 image", "2,000 images" and "3 classes"."""
    many = "es" if what.endswith(("s", "tch")) else "s"
    return f"{number:,} {what}{'' if number == 1 else many}"
