"""What Ray prints of itself: a line each on stderr, since results go to stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

LONGEST = 200  # of a line


def say(text: str) -> None:
    """Tell whoever waits why."""
    print(text, file=sys.stderr, flush=True)


def line(error: object) -> str:
    """Words of Ray's on one line."""
    return " ".join(str(error).split())[:LONGEST]


def to_stderr(ray: Any) -> None:
    """Have Ray tell what becomes of nodes and workers in a line on stderr.

    Left alone, it prints that to stdout, whatever `log_to_driver` says, and for a node that is lost
    twenty lines of a log with it.
    """
    worker = ray._private.worker
    whole = getattr(worker, "print_to_stdstream", None)
    if whole is None or whole.__module__ == __name__:
        return

    last = [""]

    def print_line(data: Mapping[str, Any], ignore_prefix: bool = False) -> None:
        if data.get("pid") != "raylet":
            whole({**data, "is_err": True}, ignore_prefix)
            return
        for text in data["lines"]:
            told = line(text.partition("Possible reasons")[0])
            if told != last[0]:
                say(f"ray: {told}")
            last[0] = told

    worker.print_to_stdstream = print_line


@contextmanager
def muffled() -> Iterator[None]:
    """Drop what C++ writes to stderr, such as a line every five seconds that it waits."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
