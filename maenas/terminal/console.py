"""Where output goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

WIDTH_OF_FILES = 110  # of tables where no terminal says how wide it is
HAS_WIDTH = sys.stdout.isatty() or "COLUMNS" in os.environ


def printable(text: str) -> str:
    r"""A text as a terminal may show it: every other character as `\n`, `\x1b` or `\u202e`.

    Names of files and classes come from anywhere: an escape sequence would change the terminal, a
    line break would forge a line of ours, and bytes of a file name that are not UTF-8 have no
    character at all.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


class Terminal(Console):
    """A console that shows nothing but printable characters, in tables too."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text of a line or a cell, as rich styles it."""
        return super().render_str(printable(text), **options)


class Results(Terminal):
    """Stdout: in a file or a pipe a line stays whole, since it may be a path somebody reads on."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich prints, but for text that would be broken into lines of a file."""
        is_text = all(isinstance(each, str) for each in objects)
        options.setdefault("soft_wrap", is_text and not HAS_WIDTH)
        super().print(*objects, **options)


OUT = Results(
    width=None if HAS_WIDTH else WIDTH_OF_FILES,
    markup=False,  # a path may hold brackets and colons
    emoji=False,
    highlight=False,
)
ERR = Terminal(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_json(data: Mapping[str, Any]) -> None:
    """One JSON object on stdout; what a terminal cannot show is escaped as JSON does."""
    text = json.dumps(data, ensure_ascii=not (sys.stdout.encoding or "").lower().startswith("utf"))
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)
    print(text)


def count_of(number: int, what: str) -> str:
    """Such as "1 image", "2,000 images" and "3 classes"."""
    many = "es" if what.endswith(("s", "tch")) else "s"
    return f"{number:,} {what}{'' if number == 1 else many}"
