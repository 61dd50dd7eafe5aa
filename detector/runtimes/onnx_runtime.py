"""Run an ONNX model in ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from maenas.blocks.files.plain_file import GIB, require_file
from maenas.blocks.files.words import one_line
from maenas.budgets.usage_reports import quiet_onnxruntime
from maenas.detector.arrays import Floats
from maenas.detector.errors import ModelError
from maenas.detector.runtimes.file_runtime import FileRuntime
from maenas.detector.runtimes.metadata import read_metadata

LARGEST = 2 * GIB  # maximum size of an ONNX file; external weights may be larger
FATAL_ONLY = 4  # log level of onnxruntime; errors are raised anyway
PLUGIN = "EfficientNMS_TRT"  # TensorRT's plugin for NMS


class OnnxRuntime(FileRuntime):
    """Runtime of a `.onnx` file that `maenas export` wrote.

    Args:
        path: path of the file.
        threads: number of CPU threads; all cores if None.
        Raises:
            ModelError: if the file is damaged, written by another program, or ends in TensorRT's
                plugin.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._session = open_session(path, threads)
        metadata = read_metadata(self._session.get_modelmeta().custom_metadata_map, path)
        batch = self._session.get_inputs()[0].shape[0]
        super().__init__(metadata, path, batch if isinstance(batch, int) else None)
        self._names = [output.name for output in self._session.get_outputs()]
        self.about = f"ONNX Runtime {onnxruntime.__version__} on CPU, {metadata.precision}, {path}"

    def infer(self, images: Floats) -> dict[str, Any]:
        """See `FileRuntime.infer`."""
        found = self._session.run(self._names, {"images": images})
        return dict(zip(self._names, found, strict=True))


def open_session(path: Path, threads: int | None = None) -> Any:
    """Open an `onnxruntime.InferenceSession` on the CPU.

    Raises:
        ModelError: if the file is missing, damaged or not supported.
    """
    require_file(path, limit=LARGEST, error=ModelError)
    quiet_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.intra_op_num_threads = threads or 0
    try:
        return onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:  # onnxruntime's exceptions have no common base class
        reason = one_line(error)
        if PLUGIN in str(error):
            raise ModelError(
                f"{path}: ends in {PLUGIN}, a plugin that only TensorRT runs; build an engine of "
                "it, or export the detector with --end2end alone to try it here."
            ) from None
        raise ModelError(f"{path}: ONNX Runtime cannot load it: {reason}.") from None
