"""Section: TensorRT builds a detector, in the precision asked for, that agrees with torch."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu_check.report import Part, Skip
from benchmarks.gpu_check.trainings import still_network
from maenas.budgets.backends import open_backend, parse_target
from maenas.budgets.backends.load import tensorrt_problem
from maenas.budgets.graph import static_graph
from maenas.detector.export.export import export_detector
from maenas.detector.export.onnx import onnx_model
from maenas.detector.export.options import ExportOptions
from maenas.detector.runtimes.load import load_runtime
from tests.lively import images

RUNS = 100


def run(part: Part, fake: bool) -> None:
    """See the module."""
    problem = tensorrt_problem()
    if problem is not None:
        raise Skip(problem)
    side = 64 if fake else 640
    spec, network = still_network("s", side)
    graph = static_graph(onnx_model(spec, network, batch=1))
    for precision in ("f16", "int8", "f32"):
        session = open_backend(parse_target("tensorrt", precision)).compile(graph, layers=True)
        ms = session.run(RUNS).ms
        part.tell(f"latency_ms_{precision}", {"median": sorted(ms)[len(ms) // 2], "min": min(ms)})
    for layout in ("raw", "end2end-trt"):
        with tempfile.TemporaryDirectory() as folder:
            options = ExportOptions(format="tensorrt", precision="f16", layout=layout)
            started = time.monotonic()
            exported = export_detector(
                spec, network, Path(folder) / "s.engine", options, images(spec, 1)
            )
            found: dict[str, Any] = {
                "export_s": time.monotonic() - started,
                "computes": exported.computes,
                "difference": str(exported.difference),
                "objects": exported.objects,
                "runtime": exported.runtime,
            }
            if layout == "raw":
                found |= _whole(load_runtime(exported.path), images(spec, 8))
            part.tell(f"export_{layout}", found)


def _whole(runtime: Any, some: Any) -> dict[str, float]:
    """Milliseconds of a batch from host to host, copies included."""
    found = {}
    for count in (1, 8):
        runtime.run(some[:count])
        started = time.perf_counter()
        for _ in range(10):
            runtime.run(some[:count])
        found[f"host_to_host_ms_{count}"] = 100 * (time.perf_counter() - started)
    return found
