"""Run a TensorRT engine that `maenas export` wrote, on an NVIDIA GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorrt as trt
import torch
from numpy.typing import NDArray

from maenas.budgets.backends.engine_info import layer_precisions, shown
from maenas.detector.arrays import Floats
from maenas.detector.runtimes.file_runtime import FileRuntime
from maenas.detector.runtimes.sidecar import allows_host_code, sidecar_metadata
from maenas.detector.runtimes.tensorrt_engine import Engine


class TensorRtRuntime(FileRuntime):
    """Runtime of an `.engine` file, with its `.engine.json`, that `maenas export` wrote.

    Args:
        path: path of the file.
    Raises:
        ModelError: if the file is damaged, or made for another TensorRT or GPU.
    """

    def __init__(self, path: Path) -> None:
        metadata = sidecar_metadata(path)
        self._engine = open_engine(path)
        super().__init__(metadata, path, self._engine.batch)
        self.about = (
            f"TensorRT {trt.__version__} on {torch.cuda.get_device_name()}, "
            f"{shown(layer_precisions(self._engine.layers))}, {path}"
        )

    def infer(self, images: Floats) -> dict[str, NDArray[Any]]:
        """See `FileRuntime.infer`."""
        least, most = self._engine.batches
        starts = range(0, len(images), most)
        parts = [self._engine.run(_filled(images[at : at + most], least)) for at in starts]
        if len(parts) == 1 and len(images) >= least:
            return parts[0]
        names = parts[0]
        return {n: np.concatenate([part[n] for part in parts])[: len(images)] for n in names}


def _filled(images: Floats, least: int) -> Floats:
    """Images with blank ones behind them, if there are fewer than the engine takes."""
    missing = max(0, least - len(images))
    blank = np.zeros((missing, *images.shape[1:]), np.float32)
    return np.concatenate((images, blank)) if missing else images


def open_engine(path: Path) -> Engine:
    """Load an engine; code in it may run only if its metadata say that it holds some.

    Raises:
        ModelError: if engine or metadata are missing or damaged.
    """
    return Engine(path, allows_host_code(path))
