"""Usage reports of third-party libraries, switched off so that nothing is sent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

# Environment variables that switch reports off; a library reads its own at import or start.
# NNCF_CI replaces NNCF's reports to Google Analytics by a stub and has no other effect in NNCF
# (`nncf/telemetry/wrapper.py` of 2.8 to 3.4).
REPORTS_OFF: Mapping[str, str] = MappingProxyType({"NNCF_CI": "1", "RAY_USAGE_STATS_ENABLED": "0"})


def disable_usage_reports() -> None:
    """Switch the reports off for this process and its children, before the libraries are imported.

    OpenVINO reports only the use of its model converter, which maenas never calls. ONNX Runtime
    reports only on Windows (`quiet_onnxruntime`).
    """
    os.environ.update(REPORTS_OFF)


def quiet_onnxruntime() -> None:
    """Switch off the events that ONNX Runtime sends on Windows; on other systems it sends none."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
