"""Where output goes: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

WIDTH_OF_FILES = 110  # of tables where no terminal says how wide it is
OUT = Console(
    width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH_OF_FILES,
    markup=False,  # a path may hold brackets and colons
    emoji=False,
    highlight=False,
    soft_wrap=False,
)
ERR = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def print_json(data: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    print(json.dumps(data, ensure_ascii=False))
