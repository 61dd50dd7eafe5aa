"""PyTorch on an NVIDIA GPU without TensorRT: cuDNN's kernels, launched as one CUDA graph."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import torch

from maenas.budgets.backends.backend import Backend, BackendError, Run, Session
from maenas.budgets.backends.cuda import TIMING, Gpu, Launch, as_backend_error
from maenas.budgets.backends.torch_onnx.graph import TorchGraph
from maenas.budgets.backends.typed import typed_graph
from maenas.budgets.latency import Precision

PRECISIONS: tuple[Precision, ...] = ("f16", "f32")


class TorchCudaBackend(Backend):
    """PyTorch on the first GPU, batch 1, channels last, cuDNN's algorithms chosen by benchmark.

    Operators run one by one: activations and sums are not fused into convolutions.

    Args:
        precision: f16 or f32; f32 does not use TF32.
    Raises:
        BackendError: if the precision is not supported or there is no GPU.
    """

    name = "torch"
    has_layers = False

    def __init__(self, precision: Precision = "f16") -> None:
        if precision not in PRECISIONS:
            raise BackendError(
                f"precision: PyTorch is run in {', '.join(PRECISIONS)}, got {precision}."
            )
        self.precision = precision
        self._gpu = Gpu()

    def compile(self, model: onnx.ModelProto, layers: bool = False) -> Session:
        typed = typed_graph(model, self.precision)
        with as_backend_error():
            return TorchCudaSession(TorchGraph(typed.model, "cuda"), typed.precision, self._gpu)

    def provenance(self) -> Mapping[str, str | int | float]:
        return {
            "runtime": f"PyTorch {torch.__version__}",
            **self._gpu.provenance(),
            **TIMING,
        }


class TorchCudaSession(Session):
    """A graph with its inputs on the GPU.

    Args:
        graph: graph with its constants on the GPU.
        precision: number format that the graph computes in.
        gpu: GPU that the graph runs on.
    """

    def __init__(self, graph: TorchGraph, precision: Precision, gpu: Gpu) -> None:
        self.precision = precision
        generator = torch.Generator("cuda").manual_seed(0)
        inputs = []
        for tensor in graph.inputs.values():
            value = torch.zeros(tensor.shape, dtype=tensor.dtype, device="cuda")
            if value.is_floating_point():
                value.uniform_(generator=generator)
            if value.dim() == 4:
                value = value.to(memory_format=torch.channels_last)
            inputs.append(value)

        def infer() -> None:
            # By default torch disables TF32 for matrix products, but not for cuDNN's convolutions.
            with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
                graph(*inputs)

        self._launch = Launch(infer, gpu.watch)

    def run(self, count: int) -> Run:
        return self._launch.run(count)
