"""Usage reports of third-party libraries, switched off so that nothing is sent."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

# Environment variables that switch reports off; a library reads its own at import or start.
# NNCF_CI replaces NNCF's reports to Google Analytics by a stub and has no other effect in NNCF
# (`nncf/telemetry/wrapper.py` of 2.8 to 3.4). ORT_DISABLE_TELEMETRY keeps ONNX Runtime from sending
# events and from writing a file with an identity of the machine, as 1.32 does on Linux too. MLflow,
# which `train --tracker mlflow` loads, reports from version 3 on.
REPORTS_OFF: Mapping[str, str] = MappingProxyType(
    {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "NNCF_CI": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
)
# The package by which OpenVINO and NNCF send their reports; both use a stub where it cannot be
# imported. OpenVINO reports every import of itself.
REPORTER = "openvino_telemetry"
FATAL_ONLY = 4  # level of the log of ONNX Runtime


def disable_usage_reports() -> None:
    """Switch the reports off for this process and its children, before the libraries are imported.

    `maenas/__init__.py` does the same at the start, without an import.
    """
    os.environ.update(REPORTS_OFF)
    sys.modules.setdefault(REPORTER, None)  # type: ignore[arg-type]


def quiet_onnxruntime() -> None:
    """Switch off the events of ONNX Runtime in a process that imported it before maenas.

    Its log is switched off as well: what fails is raised.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(FATAL_ONLY)
