"""Export a detector as a TensorRT engine; TensorRT 10 and 11."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import tensorrt as trt
import torch

from maenas.budgets.backends.engine_info import (
    EngineOptions,
    Share,
    layer_precisions,
    share_of,
    shown,
)
from maenas.budgets.backends.tensorrt_build import build_engine
from maenas.budgets.backends.typed import HEAVY
from maenas.detector.errors import ExportError
from maenas.detector.export.decode import PREFIX
from maenas.detector.runtimes.metadata import Metadata
from maenas.detector.runtimes.sidecar import HOST_CODE, sidecar
from maenas.detector.runtimes.tensorrt_engine import Engine

if TYPE_CHECKING:
    from maenas.budgets.backends.engine_info import EngineLayer


def write_engine(
    model: onnx.ModelProto, metadata: Metadata, path: Path, options: EngineOptions
) -> Share:
    """Build an engine for the GPU of this machine and write it, with its metadata beside it.

    The precision is that of the graph (`build_engine`); the precisions of the layers are read back
    from the engine.

    Args:
        model: model whose tensors have the wanted precision.
        metadata: metadata of the engine.
        path: `.engine` file in a temporary folder; the metadata goes into `.engine.json`.
        options: batch sizes and compatibility of the engine.
    Returns:
        The share of the network's convolutions that are computed in the precision.
    Raises:
        BackendError: if TensorRT cannot parse or build it.
        ExportError: if most convolutions are in another precision.
        OSError: if a file cannot be written.
    """
    path.write_bytes(build_engine(model, options))
    layers = Engine(path, options.version_compatible).layers
    share = require_precision(layers, model, metadata)
    about = {
        "tensorrt": trt.__version__,
        "gpu": torch.cuda.get_device_name(),
        "layers": json.dumps(layer_precisions(layers)),
        "computes": str(share),
        HOST_CODE: json.dumps(options.version_compatible),
        "hardware_compatible": json.dumps(options.hardware_compatible),
    }
    text = json.dumps({**metadata.to_text(), **about}, indent=1)
    sidecar(path).write_text(f"{text}\n", encoding="utf-8")
    return share


def require_precision(
    layers: list[EngineLayer], model: onnx.ModelProto, metadata: Metadata
) -> Share:
    """The share of the network's convolutions in the wanted precision, which must be above half.

    Raises:
        ExportError: if it is not.
    """
    heavy = {
        node.name
        for node in model.graph.node
        if node.op_type in HEAVY and not node.name.startswith(PREFIX)
    }
    share = share_of(layers, heavy, metadata.precision)
    if share.total and 2 * share.count <= share.total:
        raise ExportError(
            f"precision: most convolutions must be {share.precision}, but TensorRT built {share} "
            f"({shown(layer_precisions(layers))})."
        )
    return share
