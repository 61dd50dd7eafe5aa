"""The loggers of this project on the terminal: which lines a command prints on stderr.

Every module logs to `logging.getLogger(__name__)`, below the logger "maenas". In Python nothing is
printed unless the user sets up logging; a command prints the lines of its level on stderr.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

ROOT = logging.getLogger("maenas")


class Lines(logging.Handler):
    """A handler that prints each record as one line on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record: with its logger for debugging, with "warning" if it is one."""
        from maenas.terminal.console import ERR

        text = record.getMessage()
        style = getattr(record, "style", None)
        if record.levelno <= logging.DEBUG:
            text, style = f"{record.name.removeprefix('maenas.')}: {text}", "dim"
        elif record.levelno >= logging.WARNING:
            text = f"warning: {text}"
        ERR.print(text, style=style)


@contextmanager
def printed(level: int = logging.INFO) -> Iterator[None]:
    """Print the records of at least a level while the context lasts."""
    handler, before = Lines(), (ROOT.level, ROOT.propagate)
    ROOT.addHandler(handler)
    ROOT.setLevel(level)
    ROOT.propagate = False  # a handler of the root would print each line again
    try:
        yield
    finally:
        ROOT.removeHandler(handler)
        ROOT.setLevel(before[0])
        ROOT.propagate = before[1]


def is_printed(level: int = logging.INFO) -> bool:
    """Whether a command prints records of a level: then progress is shown as a live line."""
    return ROOT.isEnabledFor(level) and any(isinstance(one, Lines) for one in ROOT.handlers)


def printed_level() -> int | None:
    """Level of the records that a command prints; None outside of a command."""
    return ROOT.level if any(isinstance(one, Lines) for one in ROOT.handlers) else None
