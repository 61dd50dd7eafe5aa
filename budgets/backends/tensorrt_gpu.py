"""TensorRT 10 and 11 on an NVIDIA GPU: typed graphs, precision read back, GPU time measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import onnx
import tensorrt as trt
import torch

from maenas.budgets.backends.backend import Backend, BackendError, LayerTime, Run, Session
from maenas.budgets.backends.cuda import TIMING, Gpu, Launch, as_backend_error
from maenas.budgets.backends.engine_info import engine_layers, main_precision
from maenas.budgets.backends.tensorrt_build import (
    MESSAGES,
    build_engine,
    engine_information,
    load_engine,
    new_context,
)
from maenas.budgets.backends.tensorrt_tensors import fixed_sizes, torch_type
from maenas.budgets.backends.typed import TypedGraph, typed_graph
from maenas.budgets.latency import Precision

PRECISIONS: tuple[Precision, ...] = ("f16", "f32", "int8")


class TensorRtBackend(Backend):
    """TensorRT on the first GPU, batch 1.

    Inputs and outputs have the precision of the network, because the cast of an image is not part
    of the network's latency. Outputs that maenas's exports decode stay in 32 bits.

    Args:
        precision: f16, f32, or int8, where all operators except the convolutions are f16.
    Raises:
        BackendError: if the precision is not supported or there is no GPU.
    """

    name = "tensorrt"
    has_layers = True

    def __init__(self, precision: Precision = "f16") -> None:
        if precision not in PRECISIONS:
            raise BackendError(
                f"precision: TensorRT is run in {', '.join(PRECISIONS)}, got {precision}."
            )
        self.precision = precision
        self._gpu = Gpu()

    def compile(self, model: onnx.ModelProto, layers: bool = False) -> Session:
        graph = typed_graph(model, self.precision)
        engine = load_engine(build_engine(graph.model))
        return TensorRtSession(engine, graph, self._gpu, layers)

    def provenance(self) -> Mapping[str, str | int | float]:
        return {
            "runtime": f"TensorRT {trt.__version__}",
            **self._gpu.provenance(),
            **TIMING,
        }


class TensorRtSession(Session):
    """An engine with its buffers on the GPU.

    Layers are timed in separate inferences without a CUDA graph, because a profiler slows the GPU.

    Args:
        engine: engine with static shapes.
        graph: graph that the engine was built from.
        gpu: GPU that the engine runs on.
        layers: whether runs report the times of layers.
    Raises:
        BackendError: if the engine computes in another precision, lacks memory, or has an output
            whose size depends on the data.
    """

    def __init__(self, engine: trt.ICudaEngine, graph: TypedGraph, gpu: Gpu, layers: bool) -> None:
        self._engine = engine
        with as_backend_error():
            self._buffers = _buffers(engine)
        context = self._context()
        self._layers = {x.name: x for x in engine_layers(engine_information(engine, context))}
        used = main_precision(self._layers.values(), graph.heavy)
        if used not in (graph.precision, None):
            raise BackendError(
                f"precision: TensorRT computes in {used}, not in {graph.precision} as requested."
            )
        self.precision = graph.precision
        self.note = "" if used else "the engine does not report the types of its layers"
        self._launch = Launch(lambda: _enqueue(context), gpu.watch)
        self._profiler: LayerTimes | None = None
        if layers:
            self._profiler = LayerTimes()
            self._profiled = self._context()
            self._profiled.profiler = self._profiler
            self._profile(1)  # the first one is slower

    def run(self, count: int) -> Run:
        run = self._launch.run(count)
        if self._profiler is None:
            return run
        times = self._profile(count)
        layers = tuple(
            LayerTime(name, layer.nodes, layer.kernel, sum(us) / count, layer.layout)
            for name, us in times.items()
            if (layer := self._layers.get(name)) is not None and len(us) == count
        )
        return Run(run.ms, layers, run.warnings)

    def _profile(self, count: int) -> dict[str, list[float]]:
        """Return the microseconds of every layer in `count` inferences, which run one by one."""
        assert self._profiler is not None
        self._profiler.times.clear()
        with self._launch.on_stream():
            for _ in range(count):
                _enqueue(self._profiled)
        self._launch.wait()
        return self._profiler.times

    def _context(self) -> trt.IExecutionContext:
        context = new_context(self._engine)
        for name, tensor in self._buffers.items():
            if not context.set_tensor_address(name, tensor.data_ptr()):
                raise BackendError(f"TensorRT refuses the memory of {name}: {MESSAGES.take()}")
        return context


class LayerTimes(trt.IProfiler):
    """Profiler that collects the microseconds of each layer after every profiled inference."""

    def __init__(self) -> None:
        trt.IProfiler.__init__(self)
        self.times: dict[str, list[float]] = {}

    def report_layer_time(self, layer_name: str, ms: SupportsFloat) -> None:
        """Called by TensorRT."""
        self.times.setdefault(layer_name, []).append(float(ms) * 1e3)


def _enqueue(context: trt.IExecutionContext) -> None:
    """Enqueue one inference on torch's current stream."""
    if not context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
        raise BackendError(f"TensorRT failed to run the engine: {MESSAGES.take()}")


def _buffers(engine: trt.ICudaEngine) -> dict[str, torch.Tensor]:
    """Return a tensor on the GPU for every input and output; float inputs are random."""
    generator = torch.Generator("cuda").manual_seed(0)
    buffers: dict[str, torch.Tensor] = {}
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        shape = fixed_sizes(engine.get_tensor_shape(name), name)
        buffer = torch.zeros(shape, dtype=torch_type(engine, name), device="cuda")
        if buffer.is_floating_point() and engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
            buffer.uniform_(generator=generator)
        buffers[name] = buffer
    return buffers
