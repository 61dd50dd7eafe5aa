"""An ONNX model run by ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError
from maenas.detector.runtimes.batches import Outputs, in_batches
from maenas.detector.runtimes.metadata import read_metadata, require_raw
from maenas.detector.runtimes.runtime import Runtime

ERRORS_ONLY = 3  # of onnxruntime's log levels


class OnnxRuntime(Runtime):
    """A `.onnx` file that `maenas export` wrote.

    Args:
        path: of the file.
        threads: of the CPU; all cores if None.
    Raises:
        ModelError: if it is damaged, of another program, or ends in NMS.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._session = open_session(path, threads)
        metadata = read_metadata(self._session.get_modelmeta().custom_metadata_map, path)
        require_raw(metadata, path)
        self.in_shape = metadata.in_shape
        self.names = metadata.names
        self.resize = metadata.resize
        self.is_nano = metadata.is_nano
        self.about = f"ONNX Runtime {onnxruntime.__version__} on CPU, {metadata.precision}, {path}"
        batch = self._session.get_inputs()[0].shape[0]
        self._batch = batch if isinstance(batch, int) else None

    def run(self, images: Floats) -> Outputs:
        return in_batches(images, self.in_shape, self._batch, self._run)

    def _run(self, images: Floats) -> Outputs:
        scores, boxes = self._session.run(["scores", "boxes"], {"images": images})
        return scores, boxes


def open_session(path: Path, threads: int | None = None) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU.

    Raises:
        ModelError: if the file is missing, damaged or not understood.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = threads or 0
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class of their own
        reason = " ".join(str(error).split())
        raise ModelError(f"{path}: ONNX Runtime cannot load it: {reason}") from None
