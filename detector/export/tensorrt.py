"""Export a detector as a TensorRT engine; TensorRT 10 and 11."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import onnx
import tensorrt as trt
import torch

from maenas.budgets.backends.engine_info import shown
from maenas.budgets.backends.tensorrt_build import build_engine
from maenas.detector.errors import ExportError
from maenas.detector.runtimes.metadata import Metadata
from maenas.detector.runtimes.sidecar import sidecar
from maenas.detector.runtimes.tensorrt_runtime import Engine


def write_engine(
    model: onnx.ModelProto, metadata: Metadata, path: Path, max_batch: int, workspace_gib: int = 4
) -> str:
    """Build an engine for the GPU of this machine and write it, with its metadata beside it.

    The precision is that of the graph (`build_engine`); the precisions of the layers are read back
    from the engine.

    Args:
        model: model whose tensors have the wanted precision.
        metadata: metadata of the engine.
        path: `.engine` file in a temporary folder; the metadata goes into `.engine.json`.
        max_batch: largest batch size, if the batch dimension of the model is dynamic.
        workspace_gib: memory in GiB that TensorRT's tactics may use.
    Returns:
        Text that gives the number of layers in each precision.
    Raises:
        BackendError: if TensorRT cannot parse or build it.
        ExportError: if no layer is in the precision.
        OSError: if a file cannot be written.
    """
    path.write_bytes(build_engine(model, max_batch, workspace_gib))
    precisions = Engine(path).precisions()
    require_precision(precisions, metadata.precision)
    about = {
        "tensorrt": trt.__version__,
        "gpu": torch.cuda.get_device_name(),
        "layers": json.dumps(precisions),
    }
    text = json.dumps({**metadata.to_text(), **about}, indent=1)
    sidecar(path).write_text(f"{text}\n", encoding="utf-8")
    return shown(precisions)


def require_precision(precisions: Counter[str], wanted: str) -> None:
    """Raise `ExportError` unless some layers compute in the precision asked for."""
    if not precisions[wanted]:
        raise ExportError(
            f"the engine was to compute in {wanted}, but TensorRT built {shown(precisions)}."
        )
