"""Section: TensorRT builds a detector, in the precision asked for, that agrees with torch.

A build takes from seconds to minutes. Those that are likeliest to fail come first, and what is left
is skipped once there is no time for another one.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
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

MODEL, SIDE = "t", 320
RUNS = 100
SPARE = 1.3  # factor of the longest build so far that the next one may take


@dataclass(frozen=True, slots=True)
class Step:
    """A part of this section.

    Attributes:
        name: key of its results.
        builds: number of engines that it builds.
        run: function that returns its results.
    """

    name: str
    builds: int
    run: Callable[[], dict[str, Any]]


def run(part: Part, fake: bool) -> None:
    """See the module."""
    problem = tensorrt_problem()
    if problem is not None:
        raise Skip(problem)
    spec, network = still_network(MODEL, 64 if fake else SIDE)
    # An untrained detector has no confident scores: NMS is built once more to be compared.
    steps = [
        Step("export_raw", 1, lambda: _exported(spec, network, "raw")),
        Step("latency_f16", 1, lambda: _latency(spec, network, "f16")),
        Step("export_end2end-trt", 3, lambda: _exported(spec, network, "end2end-trt")),
        Step("latency_int8", 1, lambda: _latency(spec, network, "int8")),
        Step("latency_f32", 1, lambda: _latency(spec, network, "f32")),
    ]
    part.tell("model", f"{MODEL} at {spec.backbone.in_shape[1]}")
    in_time(part, steps)


def in_time(part: Part, steps: list[Step]) -> None:
    """Take the steps in order, and tell which were skipped for want of time."""
    longest, skipped = 0.0, {}
    for step in steps:
        needed = SPARE * longest * step.builds
        if part.left_s < needed:
            skipped[step.name] = f"needs about {needed:.0f} s, {part.left_s:.0f} s are left"
            part.tell("skipped", skipped, f"{step.name} skipped: {skipped[step.name]}")
            continue
        part.result["building"] = step.name  # of a section that is killed
        part.save()
        part.say(f"{step.name}: {step.builds} builds, {part.left_s:.0f} s left")
        started = time.monotonic()
        try:
            found = step.run()
        finally:
            del part.result["building"]
        took = time.monotonic() - started
        longest = max(longest, took / step.builds)
        part.tell(step.name, {**found, "seconds": took})


def _latency(spec: Any, network: Any, precision: str) -> dict[str, Any]:
    """Milliseconds of a batch of 1 on the GPU; the session checks the precision."""
    graph = static_graph(onnx_model(spec, network, batch=1))
    session = open_backend(parse_target("tensorrt", precision)).compile(graph, layers=True)
    ms = session.run(RUNS).ms
    return {"median_ms": sorted(ms)[len(ms) // 2], "min_ms": min(ms), "note": session.note}


def _exported(spec: Any, network: Any, layout: str) -> dict[str, Any]:
    """Build an engine of open batch in f16; the export raises if it differs from torch."""
    with tempfile.TemporaryDirectory() as folder:
        options = ExportOptions(format="tensorrt", precision="f16", layout=layout)  # type: ignore[arg-type]
        path = Path(folder) / "a.engine"
        exported = export_detector(spec, network, path, options, images(spec, 1))
        found: dict[str, Any] = {
            "computes": exported.computes,
            "difference": str(exported.difference),
            "objects": exported.objects,
            "runtime": exported.runtime,
        }
        if layout == "raw":
            found |= _whole(load_runtime(exported.path), images(spec, 8))
        return found


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
