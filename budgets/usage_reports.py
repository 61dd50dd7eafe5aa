"""Libraries that report their usage to their makers are told not to: maenas sends nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

# Environment variables that switch reports off, each read when its library is imported or started.
# NNCF_CI replaces NNCF's reports to Google Analytics by a stub and has no other effect in NNCF
# (`nncf/telemetry/wrapper.py` of 2.8 to 3.4).
REPORTS_OFF: Mapping[str, str] = MappingProxyType({"NNCF_CI": "1", "RAY_USAGE_STATS_ENABLED": "0"})


def disable_usage_reports() -> None:
    """Switch the reports off for this process and its children; call it before any import of them.

    OpenVINO reports only what its model converter does, which maenas never calls, and ONNX Runtime
    only on Windows (`quiet_onnxruntime`).
    """
    os.environ.update(REPORTS_OFF)


def quiet_onnxruntime() -> None:
    """Switch off the events that ONNX Runtime sends on Windows; elsewhere it sends none."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
