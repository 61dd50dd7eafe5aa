"""ONNX Runtime on a CPU: as many threads as told, one image at a time."""

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

FATAL_ONLY = 4  # of onnxruntime's log levels: what fails is raised as well
WARM_UP = 2  # inferences: the first allocates


class OnnxRuntimeBackend(Backend):
    """ONNX Runtime's CPU provider, in the f32 of the graph.

    It fuses 8-bit convolutions only where their outputs are quantised too, which our graphs for
    timing leave to the runtime; so there is no INT8 here.

    Args:
        precision: f32.
        threads: of the CPU; all it may use if None.
    Raises:
        BackendError: for another precision, or more threads than cores.
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
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base class of their own
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
        session: an `onnxruntime.InferenceSession`.
    """

    precision: Precision = "f32"

    def __init__(self, session: Any) -> None:
        self._session = session
        random = np.random.default_rng(0)
        self._inputs = {
            told.name: random.random(told.shape, np.float32).astype(_numpy_type(told.type))
            for told in session.get_inputs()
        }
        self.run(WARM_UP)

    def run(self, count: int) -> Run:
        walls = []
        try:
            for _ in range(count):
                start = time.perf_counter_ns()
                self._session.run(None, self._inputs)
                walls.append((time.perf_counter_ns() - start) / 1e6)
        except Exception as error:  # its exceptions share no base class of their own
            raise BackendError(f"onnxruntime: inference failed: {_line(error)}") from None
        return Run(tuple(walls))


def _numpy_type(told: str) -> np.dtype[Any]:
    """Of "tensor(float)" and the like."""
    names = {"float": "float32", "double": "float64"}
    name = told.removeprefix("tensor(").removesuffix(")")
    return np.dtype(names.get(name, name))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
