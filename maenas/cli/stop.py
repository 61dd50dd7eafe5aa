"""Ctrl-C in a command: one line that says how to go on, and exit code 130."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


@contextmanager
def interrupted(advice: str) -> Iterator[None]:
    """End the command where the user interrupts it.

    Args:
        advice: what was kept, or how to go on.
    """
    try:
        yield
    except KeyboardInterrupt:
        from maenas.terminal.console import ERR

        ERR.print(f"interrupted; {advice}")
        raise typer.Exit(INTERRUPTED) from None
