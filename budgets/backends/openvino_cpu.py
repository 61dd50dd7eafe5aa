"""OpenVINO on a CPU: one stream, pinned threads, precision set and read back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import onnx
import openvino

from maenas.budgets.backends.backend import Backend, BackendError, LayerTime, Run, Session
from maenas.budgets.backends.cpu import cpu_state, cpu_threads
from maenas.budgets.backends.openvino_core import lacks_precision, openvino_core
from maenas.budgets.graph.inputs import GraphError
from maenas.budgets.graph.nodes import names_of
from maenas.budgets.graph.quantise import quantised
from maenas.budgets.latency import Precision

OUTPUT = "/sink_port_"  # part of the name of a layout change at an output of the graph
INT8 = ("_i8", "_u8")  # suffixes of OpenVINO's 8-bit kernels, in either case
HEAVY = ("Convolution", "Deconvolution", "MatMul", "FullyConnected")  # kernels of most work
WARM_UP = 2  # inferences; the first one allocates memory
TYPES: dict[str, Precision] = {"f32": "f32", "bf16": "bf16", "f16": "f16"}  # OpenVINO's names


class OpenVinoBackend(Backend):
    """OpenVINO's CPU plugin, set up for batch size 1: LATENCY hint, one stream.

    By default OpenVINO computes in bfloat16 if the CPU supports it, so the precision is always set
    and read back. In an INT8 graph, convolutions and matrix products read quantised inputs and all
    else is f32.

    Args:
        precision: f32, bf16, f16 or int8.
        threads: number of CPU threads, pinned to cores; one per available core if None.
    Raises:
        BackendError: if this CPU does not support the precision, or there are more threads than
            cores.
    """

    name = "openvino"
    has_layers = True

    def __init__(self, precision: Precision = "f32", threads: int | None = None) -> None:
        self.precision = precision
        self.threads = cpu_threads(threads)
        self._config: dict[str, str | int | bool] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": self.threads,
            "ENABLE_CPU_PINNING": True,
            "INFERENCE_PRECISION_HINT": "f32" if precision == "int8" else precision,
        }

    def compile(self, model: onnx.ModelProto, layers: bool = False) -> Session:
        core, config = openvino_core(), {**self._config, "PERF_COUNT": layers}
        lacking = lacks_precision(self.precision)
        if lacking is not None:
            raise BackendError(lacking)
        try:
            graph = quantised(model) if self.precision == "int8" else model
            compiled = core.compile_model(
                core.read_model(graph.SerializeToString(), b""), "CPU", config
            )
            known = {name for node in graph.graph.node for name in names_of(node)}
            return OpenVinoSession(compiled, layers, self.precision, known)
        except (RuntimeError, MemoryError, GraphError) as error:
            reason = " ".join(str(error).split())[:300]
            raise BackendError(f"openvino: cannot run the model: {reason}") from None

    def provenance(self) -> Mapping[str, str | int | float]:
        return {
            "runtime": f"OpenVINO {openvino.__version__.partition('-')[0]}",
            "device": self._cpu,
            "threads": self.threads,
            "hint": "LATENCY, 1 stream, pinned",
            **cpu_state(),
        }

    @cached_property
    def _cpu(self) -> str:
        return str(openvino_core().get_property("CPU", "FULL_DEVICE_NAME")).strip()


class OpenVinoSession(Session):
    """A compiled graph with one inference request, its inputs in place.

    Args:
        compiled: graph as OpenVINO runs it.
        layers: whether runs report the times of layers.
        wanted: number format to compute in.
        known: names of the ONNX nodes and of their outputs.
    Raises:
        BackendError: if OpenVINO computes floats in another precision than requested.
    """

    def __init__(
        self,
        compiled: openvino.CompiledModel,
        layers: bool,
        wanted: Precision,
        known: set[str],
    ) -> None:
        self._layers = layers
        self._request = compiled.create_infer_request()
        random = np.random.default_rng(0)
        for port in compiled.inputs:
            kind = port.get_element_type().to_dtype()
            shape = tuple(port.get_shape())
            values = random.random(shape, np.float32)
            self._request.set_tensor(port, openvino.Tensor(values.astype(kind)))
        used = TYPES[compiled.get_property("INFERENCE_PRECISION_HINT").to_string()]
        if used != ("f32" if wanted == "int8" else wanted):
            raise BackendError(
                f"precision: this CPU computes in {used}, not in {wanted} as requested."
            )
        self._executed = _executed(compiled, known)
        kernels = [k for k, _ in self._executed.values() if k.startswith(HEAVY)]
        narrow = sum(kernel.lower().endswith(INT8) for kernel in kernels)
        self.precision = "int8" if 2 * narrow > len(kernels) else used
        if narrow < len(kernels) and (narrow or wanted == "int8"):
            self.note = f"{narrow} of {len(kernels)} convolutions and matrix products run in 8 bits"
        self._inferences = 0
        self._spent_us: dict[str, float] = {}  # total by layer since the graph was compiled
        self.run(WARM_UP)

    def run(self, count: int) -> Run:
        request = self._request
        walls: list[float] = []
        try:
            for _ in range(count):
                start = time.perf_counter_ns()
                request.infer()
                walls.append((time.perf_counter_ns() - start) / 1e6)
        except RuntimeError as error:
            raise BackendError(f"openvino: inference failed: {error}") from None
        self._inferences += count
        return Run(tuple(walls), tuple(self._layer_times(count)) if self._layers else ())

    def _layer_times(self, count: int) -> Iterator[LayerTime]:
        """Yield the time of each layer since the last call.

        OpenVINO reports the mean over all inferences since the graph was compiled, in whole
        microseconds. Sums over many runs are exact, while the value of a single run is rounded.
        """
        for info in self._request.get_profiling_info():
            name = info.node_name
            spent = info.real_time.total_seconds() * 1e6 * self._inferences
            us = (spent - self._spent_us.get(name, 0.0)) / count
            self._spent_us[name] = spent
            if spent:
                kernel, nodes = self._executed.get(name, (name, ()))
                yield LayerTime(name, nodes, kernel, us, kernel.startswith("Reorder"))


def _executed(
    compiled: openvino.CompiledModel, known: set[str]
) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return kernel and ONNX nodes of every layer.

    A layout change has the nodes of its reader. A layer that OpenVINO made of other nodes and named
    itself, such as a split instead of slices, has the nodes of the layer that makes its input.
    """
    ordered = compiled.get_runtime_model().get_ordered_ops()
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for op in reversed(ordered):  # readers come first
        name = op.get_friendly_name()
        info: Any = op.get_rt_info()
        listed = info["originalLayersNames"].astype(str)
        nodes = tuple(part.removesuffix("/WithoutBiases") for part in listed.split(",") if part)
        if not nodes:
            ports = [port for output in op.outputs() for port in output.get_target_inputs()]
            users = [port.get_node() for port in ports]
            nodes = next((found[n][1] for u in users if (n := u.get_friendly_name()) in found), ())
        kernel = f"{info['layerType'].astype(str)} {info['primitiveType'].astype(str)}"
        found[name] = (kernel, tuple(dict.fromkeys(nodes)))
    for op in ordered:
        kernel, nodes = found[op.get_friendly_name()]
        is_output = any(OUTPUT in node for node in nodes)
        if nodes and not is_output and known.isdisjoint(nodes) and op.inputs():
            source = op.input_value(0).get_node().get_friendly_name()
            found[op.get_friendly_name()] = (kernel, found[source][1])
    return found
