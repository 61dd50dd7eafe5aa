"""Where output goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

WIDTH_OF_FILES = 110  # of tables where no terminal says how wide it is
HAS_WIDTH = sys.stdout.isatty() or "COLUMNS" in os.environ


class Results(Console):
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
ERR = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_json(data: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    print(json.dumps(data, ensure_ascii=False))


def count_of(number: int, what: str) -> str:
    """Such as "1 image", "2,000 images" and "3 classes"."""
    many = "es" if what.endswith(("s", "tch")) else "s"
    return f"{number:,} {what}{'' if number == 1 else many}"
