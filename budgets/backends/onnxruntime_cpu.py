"""ONNX Runtime on a CPU, with a fixed number of threads and batch size 1."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime

from maenas.budgets.backends.backend import Backend, BackendError, Run, Session
from maenas.budgets.backends.cpu import cpu_name, cpu_state, cpu_threads
from maenas.budgets.latency import Precision
from maenas.budgets.usage_reports import quiet_onnxruntime

FATAL_ONLY = 4  # log level of ONNX Runtime; errors are raised anyway
WARM_UP = 2  # inferences; the first one allocates memory


class OnnxRuntimeBackend(Backend):
    """ONNX Runtime's CPU provider in f32.

    INT8 is not supported: ONNX Runtime fuses 8-bit convolutions only if their outputs are quantised
    too, and maenas's INT8 graphs for timing leave the outputs to the runtime.

    Args:
        precision: number format; only f32.
        threads: number of CPU threads; one per available core if None.
    Raises:
        BackendError: if the precision is not f32 or there are more threads than cores.
    """

    name = "onnxruntime"
    has_layers = False

    def __init__(self, precision: Precision = "f32", threads: int | None = None) -> None:
        if precision != "f32":
            raise BackendError(f"precision: ONNX Runtime is run in f32, got {precision}.")
        self.precision = precision
        self.threads = cpu_threads(threads)

    def compile(self, model: onnx.ModelProto, layers: bool = False) -> Session:
        quiet_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = FATAL_ONLY
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(
                model.SerializeToString(),
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,
            )
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise BackendError(f"onnxruntime: cannot run the model: {_line(error)}") from None
        return OnnxRuntimeSession(session)

    def provenance(self) -> Mapping[str, str | int | float]:
        return {
            "runtime": f"ONNX Runtime {onnxruntime.__version__}",
            "device": cpu_name(),
            "threads": self.threads,
            **cpu_state(),
        }


class OnnxRuntimeSession(Session):
    """A model with its inputs in place.

    Args:
        session: session of ONNX Runtime, an `onnxruntime.InferenceSession`.
    """

    precision: Precision = "f32"

    def __init__(self, session: Any) -> None:
        self._session = session
        random = np.random.default_rng(0)
        self._inputs = {
            tensor.name: random.random(tensor.shape, np.float32).astype(_numpy_type(tensor.type))
            for tensor in session.get_inputs()
        }
        self.run(WARM_UP)

    def run(self, count: int) -> Run:
        walls = []
        try:
            for _ in range(count):
                start = time.perf_counter_ns()
                self._session.run(None, self._inputs)
                walls.append((time.perf_counter_ns() - start) / 1e6)
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise BackendError(f"onnxruntime: inference failed: {_line(error)}") from None
        return Run(tuple(walls))


def _numpy_type(type_name: str) -> np.dtype[Any]:
    """Return the NumPy type of an ONNX Runtime type such as "tensor(float)"."""
    names = {"float": "float32", "double": "float64"}
    name = type_name.removeprefix("tensor(").removesuffix(")")
    return np.dtype(names.get(name, name))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
