"""Run a TensorRT engine on an NVIDIA GPU; TensorRT 10 and 11."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import tensorrt as trt
import torch
from numpy.typing import NDArray

from maenas.blocks.files.plain_file import GIB, read_bytes
from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.engine_info import layer_precisions, shown
from maenas.budgets.backends.tensorrt_build import engine_information, load_engine
from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError
from maenas.detector.runtimes.file_runtime import FileRuntime
from maenas.detector.runtimes.sidecar import sidecar_metadata

LARGEST = 16 * GIB  # maximum size of an engine

TORCH_TYPES = {trt.DataType.FLOAT: torch.float32, trt.DataType.INT32: torch.int32}  # outputs


class TensorRtRuntime(FileRuntime):
    """Runtime of an `.engine` file, with its `.engine.json`, that `maenas export` wrote.

    Args:
        path: path of the file.
    Raises:
        ModelError: if the file is damaged, or made for another TensorRT or GPU.
    """

    def __init__(self, path: Path) -> None:
        metadata = sidecar_metadata(path)
        self._engine = Engine(path)
        super().__init__(metadata, path, self._engine.batch)
        self.about = (
            f"TensorRT {trt.__version__} on {torch.cuda.get_device_name()}, "
            f"{shown(self._engine.precisions())}, {path}"
        )

    def infer(self, images: Floats) -> dict[str, NDArray[Any]]:
        """See `FileRuntime.infer`."""
        return self._engine.run(images)


class Engine:
    """An engine and its execution context; buffers are torch tensors on the GPU.

    Attributes:
        batch: batch size of the engine; None if it is dynamic.

    Args:
        path: path of the file.
    Raises:
        ModelError: if TensorRT cannot load the file.
    """

    def __init__(self, path: Path) -> None:
        content = read_bytes(path, limit=LARGEST, error=ModelError)
        try:
            engine = load_engine(content)
        except BackendError as error:
            raise ModelError(
                f"{path}: {error}; an engine runs only with the version and GPU it was built for, "
                "so export it again here."
            ) from None
        self._engine = engine
        self._context = engine.create_execution_context()
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        is_input = trt.TensorIOMode.INPUT
        self._outputs = [name for name in names if engine.get_tensor_mode(name) != is_input]
        batch = engine.get_tensor_shape("images")[0]
        self.batch = None if batch < 0 else int(batch)

    def run(self, images: Floats) -> dict[str, NDArray[Any]]:
        """Outputs by name for images (B, 3, H, W).

        Raises:
            ModelError: if TensorRT refuses the batch or fails to run.
        """
        context = self._context
        if not context.set_input_shape("images", images.shape):
            raise ModelError(f"images: the engine was not built for batches of {len(images)}.")
        with torch.cuda.stream(self._stream):
            tensors = {"images": torch.from_numpy(images).cuda()}
            for name in self._outputs:
                dims = context.get_tensor_shape(name)
                shape = [dims[axis] for axis in range(len(dims))]
                dtype = TORCH_TYPES[self._engine.get_tensor_dtype(name)]
                tensors[name] = torch.empty(shape, dtype=dtype, device="cuda")
            for name, tensor in tensors.items():
                context.set_tensor_address(name, tensor.data_ptr())
            if not context.execute_async_v3(self._stream.cuda_stream):
                raise ModelError("TensorRT failed to run the engine; its own message is above.")
            found = {name: tensors[name].cpu() for name in self._outputs}
        self._stream.synchronize()
        return {name: tensor.numpy() for name, tensor in found.items()}

    def precisions(self) -> Counter[str]:
        """Number of layers in each precision, as the engine reports it."""
        return layer_precisions(engine_information(self._engine))
