"""The one `openvino.Core` of a process."""

from __future__ import annotations

from functools import cache

import openvino


@cache
def openvino_core() -> openvino.Core:
    """Return the core, which lives until the end of the process.

    OpenVINO's CPU plugin sets an alternative signal stack for the thread that loads it, and removes
    the stack with the core. If the older of two cores is deleted first, the younger one restores
    the deleted stack. The next signal with a Python handler, such as SIGCHLD after a `DataLoader`
    with workers, then crashes the process without a message (OpenVINO 2026.4).
    """
    return openvino.Core()
