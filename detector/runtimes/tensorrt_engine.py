"""A TensorRT engine with its memory on the GPU and on the host; TensorRT 10 and 11."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorrt as trt
import torch
from numpy.typing import NDArray

from maenas.blocks.files.plain_file import GIB, read_bytes
from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.cuda import as_backend_error
from maenas.budgets.backends.engine_info import EngineLayer, engine_layers
from maenas.budgets.backends.tensorrt_build import (
    MESSAGES,
    engine_information,
    load_engine,
    new_context,
)
from maenas.budgets.backends.tensorrt_tensors import as_array, fixed_sizes, sizes, torch_type
from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError

INPUT = "images"
LARGEST = 16 * GIB  # maximum size of an engine
KEPT = 4  # batch sizes whose buffers are kept


@dataclass(frozen=True, slots=True)
class Buffer:
    """Memory of one input or output: on the GPU, and page-locked on the host.

    Copies between the two run at full speed, and beside other work.
    """

    gpu: torch.Tensor
    host: torch.Tensor


class Engine:
    """An engine, its execution context, and its buffers, which are allocated once a batch size.

    Attributes:
        batch: batch size of the engine; None if it is open.
        batches: least and largest batch size.

    Args:
        path: path of the file.
        host_code: whether code in the file may run; a version-compatible engine needs it.
    Raises:
        ModelError: if TensorRT cannot load the file, or it is not an engine of `maenas export`.
    """

    def __init__(self, path: Path, host_code: bool = False) -> None:
        content = read_bytes(path, limit=LARGEST, error=ModelError)
        try:
            engine = load_engine(content, host_code)
        except BackendError as error:
            raise ModelError(
                f"{path}: {error}; an engine runs only with the version and GPU it was built for, "
                "so export it again here."
            ) from None
        self._engine = engine
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        is_input = trt.TensorIOMode.INPUT
        inputs = [name for name in names if engine.get_tensor_mode(name) == is_input]
        if inputs != [INPUT]:
            found = ", ".join(inputs) or "none"
            raise ModelError(f"{path}: must have the input {INPUT} alone, got {found}.")
        self._outputs = [name for name in names if name not in inputs]
        shape = sizes(engine.get_tensor_shape(INPUT))
        self.batch = None if shape[0] < 0 else shape[0]
        least = best = most = shape
        if self.batch is None:  # an engine of fixed batch may have no profile
            least, best, most = map(sizes, engine.get_tensor_profile_shape(INPUT, 0))
        self.batches = (least[0], most[0])
        try:
            self._context = new_context(engine)
            self._set_shape(best)
            self.layers: list[EngineLayer] = engine_layers(
                engine_information(engine, self._context)
            )
            with as_backend_error():
                self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        except BackendError as error:
            raise ModelError(f"{path}: {error}") from None
        self._buffers: dict[tuple[int, ...], dict[str, Buffer]] = {}

    def run(self, images: Floats) -> dict[str, NDArray[Any]]:
        """Outputs by name for images (B, 3, H, W) of any memory layout; floats are float32.

        Raises:
            ModelError: if TensorRT refuses the batch or fails to run.
            BackendError: if the GPU fails or lacks memory.
        """
        self._set_shape(images.shape)
        with as_backend_error(), torch.cuda.stream(self._stream):
            buffers = self._buffers_of(tuple(images.shape))
            np.copyto(buffers[INPUT].host.numpy(), images, casting="same_kind")
            buffers[INPUT].gpu.copy_(buffers[INPUT].host, non_blocking=True)
            if not self._context.execute_async_v3(self._stream.cuda_stream):
                raise ModelError(f"TensorRT failed to run the engine: {MESSAGES.take()}")
            for name in self._outputs:
                buffers[name].host.copy_(buffers[name].gpu, non_blocking=True)
            self._stream.synchronize()
        return {name: as_array(buffers[name].host) for name in self._outputs}

    def _set_shape(self, shape: tuple[int, ...]) -> None:
        """Set the shape of the images.

        Raises:
            ModelError: if the engine does not support it.
        """
        MESSAGES.take()
        if not self._context.set_input_shape(INPUT, tuple(shape)):
            least, most = self.batches
            raise ModelError(
                f"images: the engine takes {least} to {most} images at once, got {shape[0]} "
                f"({tuple(shape)}): {MESSAGES.take()}"
            )

    def _buffers_of(self, shape: tuple[int, ...]) -> dict[str, Buffer]:
        """Buffers for images of a shape, whose addresses the context then knows."""
        found = self._buffers.pop(shape, None)
        if found is None:
            shapes = {name: self._context.get_tensor_shape(name) for name in self._outputs}
            fixed = {name: fixed_sizes(dims, name) for name, dims in shapes.items()}
            found = {
                name: _buffer(size, torch_type(self._engine, name))
                for name, size in {INPUT: shape, **fixed}.items()
            }
            while len(self._buffers) >= KEPT:
                del self._buffers[next(iter(self._buffers))]
        self._buffers[shape] = found  # the last used one at the end
        for name, buffer in found.items():
            if not self._context.set_tensor_address(name, buffer.gpu.data_ptr()):
                raise ModelError(f"TensorRT refuses the memory of {name}: {MESSAGES.take()}")
        return found


def _buffer(shape: tuple[int, ...], dtype: torch.dtype) -> Buffer:
    """A new buffer. Both tensors are contiguous, as TensorRT expects."""
    return Buffer(
        torch.empty(shape, dtype=dtype, device="cuda"),
        torch.empty(shape, dtype=dtype, pin_memory=True),
    )
