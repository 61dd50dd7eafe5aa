"""Nothing is sent anywhere: libraries that report their usage are told not to."""

from __future__ import annotations

import ast
import socket
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from maenas.budgets.cluster import SETTINGS
from maenas.detector.export.export import export_detector
from maenas.detector.export.options import ExportOptions
from maenas.detector.export.quantise import quantise
from tests.lively import images, lively, small_spec

ROOT = Path(__file__).parents[2]
PARTS = ("blocks", "budgets", "detector", "nas", "search_spaces", "maenas")
# What programs send reports or fetch files with.
CLIENTS = {"requests", "httpx", "aiohttp", "urllib3", "urllib.request", "http.client"}
REPORTERS = {"sentry_sdk", "posthog", "wandb", "openvino_telemetry", "openvino.tools"}
SOURCES = [path for part in PARTS for path in sorted((ROOT / part).rglob("*.py"))]


def test_nncf_is_imported_with_its_reports_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "import os; raise RuntimeError('NNCF_CI is ' + os.environ['NNCF_CI'])"
    (tmp_path / "nncf.py").write_text(module)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("NNCF_CI", "")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    with pytest.raises(RuntimeError, match="NNCF_CI is 1"):
        quantise(ModelProto(), [np.zeros((1, 3, 32, 32), np.float32)], "cpu")


def test_nncf_is_imported_in_one_place() -> None:
    assert [path.name for path in SOURCES if "nncf" in imports(path)] == ["quantise.py"]


def test_ray_is_started_with_its_reports_off() -> None:
    assert SETTINGS["RAY_USAGE_STATS_ENABLED"] == "0"


def test_no_module_brings_a_client_of_the_network() -> None:
    assert len(SOURCES) > 200
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in SOURCES
        if (found := imports(path) & (CLIENTS | REPORTERS))
    }
    assert wrong == {}


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_an_export_opens_no_connection(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"a connection to {arguments[1:]}")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    spec = small_spec()
    path = tmp_path / ("model.onnx" if kind == "onnx" else "model.xml")
    options = ExportOptions(format=kind)  # type: ignore[arg-type]
    assert export_detector(spec, lively(spec), path, options, images(spec, 1)).path == path


def imports(path: Path) -> set[str]:
    """Every module that a file imports, with the packages around it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            found |= {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return found
