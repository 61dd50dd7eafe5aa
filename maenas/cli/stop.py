"""Signals in a command: one line that says how to continue, and exit code 130, 143 or 129."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def interrupted(advice: str = "") -> Iterator[None]:
    """End the command with one line if Ctrl-C, SIGTERM or SIGHUP interrupts it.

    Every command has such a block around it; one that keeps something has another one inside.

    Args:
        advice: sentence on what was kept or how to continue; "" for a command that keeps nothing.
    """
    from maenas.runs.signals import caught_signals, exit_code

    try:
        with caught_signals():
            yield
    except KeyboardInterrupt as error:
        from maenas.terminal.console import ERR

        ERR.print(f"interrupted; {advice}" if advice else "interrupted")
        raise typer.Exit(exit_code(error)) from None
