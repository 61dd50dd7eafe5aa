"""Entry point of the command line, which handles Ctrl-C from its first import on."""

from __future__ import annotations

import os
import signal
from types import FrameType

# Threads of OpenMP, which torch computes with, look for work this often before they sleep. With
# libgomp's own value they keep a core busy for milliseconds, at the cost of every other process and
# of each other where other processes run (`benchmarks/bench_train.py --beside 2`).
SPINS = {"GOMP_SPINCOUNT": "1000"}


def run() -> None:
    """Import the command line and run it; Ctrl-C during the import is no traceback."""
    if "OMP_WAIT_POLICY" not in os.environ:
        for name, value in SPINS.items():
            os.environ.setdefault(name, value)
    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_usual:  # not ignored, as a shell does for what it starts in the background
        signal.signal(signal.SIGINT, end)
    from maenas.cli import app

    if is_usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    app.main_and_exit()


def end(number: int, frame: FrameType | None) -> None:
    """End the process at once: nothing has begun that needs to be undone."""
    os._exit(128 + number)
