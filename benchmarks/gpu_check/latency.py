"""Section: `maenas profile --device cuda --quick`, and its error on held-out networks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import maenas
from benchmarks.gpu_check.report import Part, Skip
from maenas.budgets.backends import available

SECONDS = 75.0  # of measuring, in which a table has enough networks on any recent GPU


def run(part: Part, fake: bool) -> None:
    """See the module."""
    missing = {one.backend: one.why_not for one in available()}
    for backend in ("torch", "tensorrt"):
        part.tell(f"{backend}_missing", missing[backend])
    if missing["torch"] and missing["tensorrt"]:
        raise Skip(f"needs PyTorch or TensorRT on the GPU: {missing['torch']}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cuda.json"
        if fake:
            _shorten()
        profiled = maenas.profile("cuda", quick=True, minutes=SECONDS / 60, out=path)
        told = profiled.to_json()
        del told["table"]
        part.tell("profile", told, f"mean error {100 * told['held_out']['mean']:.1f}%")
        part.tell("table_bytes", path.stat().st_size)
    for name in ("ns", "s"):
        measured = maenas.measure(f"zoo:damo-yolo-{name}", device="cuda")
        part.tell(f"measured_ms_{name}", measured.latency_ms)


def _shorten() -> None:
    """Let the fake engine report times without computing outputs, for small images alone."""
    import tensorrt

    tensorrt.state.values = False
