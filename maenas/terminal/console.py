"""Consoles for output: results go to stdout, everything else to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from maenas.blocks.files.json_file import json_text
from maenas.blocks.files.words import printable

WIDTH_OF_FILES = 110  # width of tables in characters without a terminal
HAS_WIDTH = sys.stdout.isatty() or "COLUMNS" in os.environ


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
    print(json_text(data, indent, ascii_only=not is_utf))


def count_of(number: int, what: str) -> str:
    """A number with its noun, such as "1 image", "2,000 images" and "3 classes"."""
    many = "es" if what.endswith(("s", "tch")) else "s"
    return f"{number:,} {what}{'' if number == 1 else many}"
