"""The runtimes of kits by name."""

from __future__ import annotations

from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import did_you_mean
from maenas.budgets.kit.benchmark_app import BenchmarkApp
from maenas.budgets.kit.benchncnn import BenchNcnn
from maenas.budgets.kit.onnxruntime_perf import OnnxRuntimePerf
from maenas.budgets.kit.runtime import KitRuntime
from maenas.budgets.kit.trtexec import TrtExec

RUNTIMES: dict[str, KitRuntime] = {
    runtime.name: runtime for runtime in (TrtExec(), BenchmarkApp(), BenchNcnn(), OnnxRuntimePerf())
}


def kit_runtime(name: str) -> KitRuntime:
    """Return the runtime of this name.

    Raises:
        SpecError: if there is none.
    """
    if name not in RUNTIMES:
        raise SpecError(
            f"runtime: must be one of {', '.join(RUNTIMES)}, got {name!r}"
            f"{did_you_mean(name, RUNTIMES)}."
        )
    return RUNTIMES[name]
