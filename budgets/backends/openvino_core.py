"""The one `openvino.Core` of a process."""

from __future__ import annotations

from functools import cache

import openvino


@cache
def openvino_core() -> openvino.Core:
    """A core that stays to the end of the process.

    OpenVINO's CPU plugin gives the thread that loads it a stack of its own for signals, and takes
    it away with the core. Of two cores, when the older goes first, the younger one puts back the
    stack that is gone, and the next signal with a handler of Python's, such as SIGCHLD once a
    `DataLoader` has had workers, ends the process without a word (OpenVINO 2026.4).
    """
    return openvino.Core()
