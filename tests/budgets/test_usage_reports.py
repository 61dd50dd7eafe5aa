"""Nothing is sent anywhere: libraries that report their usage are told not to."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto

from maenas.budgets.cluster import SETTINGS
from maenas.budgets.usage_reports import REPORTS_OFF
from maenas.detector.export.export import export_detector
from maenas.detector.export.onnx import onnx_model
from maenas.detector.export.options import ExportOptions
from maenas.detector.export.quantise import quantise
from tests.graphs import kernels, made
from tests.lively import images, lively, small_spec

ROOT = Path(__file__).parents[2]
PARTS = ("blocks", "budgets", "detector", "nas", "search_spaces", "maenas")
# What programs send reports or fetch files with.
CLIENTS = {"requests", "httpx", "aiohttp", "urllib3", "urllib.request", "http.client"}
REPORTERS = {"sentry_sdk", "posthog", "wandb", "mlflow", "openvino_telemetry", "openvino.tools"}
# What opens a connection only because a user asked for it: by `--tracker`, or by the address of
# an image or a stream.
ASKED = {
    "maenas/training/trackers/wandb.py",
    "maenas/training/trackers/mlflow.py",
    "detector/media/addresses.py",
    "detector/media/remote.py",
}
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


RUNTIMES = """
import maenas, json, os, sys
from pathlib import Path
from maenas.budgets.usage_reports import REPORTS_OFF
import numpy, onnx, onnxruntime, openvino
model = sys.argv[1]
onnxruntime.InferenceSession(model).run(None, {"x": numpy.ones((1, 8, 16, 16), numpy.float32)})
openvino.Core().compile_model(model, "CPU")
assert {name: os.environ[name] for name in REPORTS_OFF} == dict(REPORTS_OFF)
assert sys.modules["openvino_telemetry"] is None
print(json.dumps([str(path) for path in Path.home().rglob("*")]))
"""


def test_runtimes_write_no_identity_of_the_machine_and_have_no_reporter(tmp_path: Path) -> None:
    onnx.save(made(["y = Conv x w"], weights={"w": kernels(8, 8)}), tmp_path / "net.onnx")
    (tmp_path / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in REPORTS_OFF}
    ran = subprocess.run(
        [sys.executable, "-c", RUNTIMES, str(tmp_path / "net.onnx")],
        env={**kept, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(ran.stdout) == []


@pytest.mark.skipif(find_spec("nncf") is None, reason="NNCF is not installed")
def test_the_real_nncf_quantises_without_a_reporter() -> None:
    spec = small_spec()
    model = quantise(onnx_model(spec, lively(spec)), [images(spec, 1)], "cpu")
    assert any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    assert sys.modules["openvino_telemetry"] is None


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
        if str(path.relative_to(ROOT)) not in ASKED
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
