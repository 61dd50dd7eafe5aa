"""What Ray prints of itself: a line each on stderr, since results go to stdout."""

from __future__ import annotations

import os
import re
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


def first_words(error: object) -> str:
    """The first sentence of an error of Ray's: lists of ids follow it."""
    return line(error).partition(". ")[0].rstrip(".")


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
            told = in_short(text)
            if told and told != last[0]:
                say(f"ray: {told}")
            last[0] = told or last[0]

    worker.print_to_stdstream = print_line


def in_short(text: str) -> str:
    """What Ray says of a node or worker that is lost, in a few words; "" if it says so twice."""
    if text.startswith("Raylet is terminated"):  # the loss of its node is told as well
        return ""
    if text.startswith("A worker died or was killed"):
        return "a worker process is lost"
    node = re.search(r"node id: (\w{8})\w* and address: (\S+) .*marked dead", text, re.DOTALL)
    return f"node {node[2]} ({node[1]}) is lost" if node else line(text)


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
