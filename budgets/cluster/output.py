"""Ray's own messages, shortened to one line each on stderr, since results go to stdout."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

LOG = logging.getLogger(__name__)
LONGEST = 200  # characters of a line


def say(text: str) -> None:
    """Log a status line."""
    LOG.info(text)


def line(error: object) -> str:
    """Return a Ray message as one line."""
    return " ".join(str(error).split())[:LONGEST]


def first_words(error: object) -> str:
    """Return the first sentence of a Ray error, without the lists of ids that follow it."""
    return line(error).partition(". ")[0].rstrip(".")


def to_stderr(ray: Any) -> None:
    """Make Ray report lost nodes and workers in one line on stderr.

    By default Ray prints these reports to stdout, even with `log_to_driver=False`, and adds twenty
    lines of a log for a lost node.
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
            message = in_short(text)
            if message and message != last[0]:
                say(f"ray: {message}")
            last[0] = message or last[0]

    worker.print_to_stdstream = print_line


def in_short(text: str) -> str:
    """Shorten Ray's report of a lost node or worker; "" for the second report of one loss."""
    if text.startswith("Raylet is terminated"):  # the loss of its node is reported too
        return ""
    if text.startswith("A worker died or was killed"):
        return "a worker process is lost"
    node = re.search(r"node id: (\w{8})\w* and address: (\S+) .*marked dead", text, re.DOTALL)
    return f"node {node[2]} ({node[1]}) is lost" if node else line(text)


@contextmanager
def muffled() -> Iterator[None]:
    """Discard C++ output to stderr, such as Ray's waiting message every five seconds."""
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
