"""Runtimes that measure the latency of ONNX graphs on a device."""

from maenas.budgets.backends.backend import Backend, BackendError, LayerTime, Run, Session
from maenas.budgets.backends.load import (
    BACKENDS,
    Availability,
    Target,
    available,
    open_backend,
    parse_target,
)

__all__ = [
    "BACKENDS",
    "Availability",
    "Backend",
    "BackendError",
    "LayerTime",
    "Run",
    "Session",
    "Target",
    "available",
    "open_backend",
    "parse_target",
]
