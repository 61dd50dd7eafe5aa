"""The one `openvino.Core` of a process."""

from __future__ import annotations

from functools import cache

import openvino

CAPABILITIES = {"bf16": "BF16", "f16": "FP16"}  # OpenVINO's names of what a CPU has in hardware


@cache
def openvino_core() -> openvino.Core:
    """Return the core, which lives until the end of the process.

    OpenVINO's CPU plugin sets an alternative signal stack for the thread that loads it, and removes
    the stack with the core. If the older of two cores is deleted first, the younger one restores
    the deleted stack. The next signal with a Python handler, such as SIGCHLD after a `DataLoader`
    with workers, then crashes the process without a message (OpenVINO 2026.4).
    """
    return openvino.Core()


def lacks_precision(precision: str) -> str | None:
    """Return the message that this CPU has no instructions for a precision; None if it has.

    OpenVINO takes bf16 on every CPU with AVX-512. Without the instructions it emulates them: a
    reference graph of convolutions took five times as long as in f32.
    """
    needed = CAPABILITIES.get(precision)
    if needed is None or needed in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return None
    return f"precision: this CPU does not compute in {precision}, it has no instructions for it."
