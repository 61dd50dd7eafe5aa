"""One core a process: what is closed takes nothing from what is still open."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLOSED_THEN_SIGNALLED = """
import faulthandler, os, signal
from maenas.budgets.backends.openvino_cpu import OpenVinoBackend
from maenas.budgets.graph.operator_graph import reference_graph

def opened():
    backend = OpenVinoBackend()
    return backend, backend.compile(reference_graph())

faulthandler.enable()  # as pytest does; gives signals a stack of their own
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
older, younger = opened(), opened()
del older
del younger
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_signals_are_handled_after_the_older_of_two_sessions_is_closed() -> None:
    pytest.importorskip("openvino")
    ran = subprocess.run(
        [sys.executable, "-c", CLOSED_THEN_SIGNALLED], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "handled\n"), ran.stderr
