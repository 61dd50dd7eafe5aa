"""A detector as a TensorRT engine; TensorRT 10 and 11."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import onnx
import tensorrt as trt
import torch

from blocks.strict import write_bytes, write_text
from detector.errors import ExportError
from detector.runtimes.engine_info import shown
from detector.runtimes.metadata import Metadata
from detector.runtimes.tensorrt_runtime import Engine, sidecar

GIBIBYTE = 1 << 30


def write_engine(
    model: onnx.ModelProto, metadata: Metadata, path: Path, max_batch: int, workspace_gib: int = 4
) -> str:
    """Build an engine for the GPU of this machine and write it, with what it is beside it.

    Precision is that of the graph: the network is strongly typed, which TensorRT 10 calls a flag
    and TensorRT 11 knows alone. What the engine says it computes in is read back.

    Args:
        model: typed in the precision wanted.
        metadata: of the engine.
        path: of the `.engine`; the metadata goes into `.engine.json`.
        max_batch: most pictures at a time, where the batch of the model is open.
        workspace_gib: memory that tactics may use.
    Returns:
        For people: how many layers compute in which precision.
    Raises:
        ExportError: if TensorRT cannot parse or build it, or not a layer is in the precision.
    """
    write_bytes(path, _build(model, max_batch, workspace_gib))
    precisions = Engine(path).precisions()
    require_precision(precisions, metadata.precision)
    about = {
        "tensorrt": trt.__version__,
        "gpu": torch.cuda.get_device_name(),
        "layers": json.dumps(precisions),
    }
    write_text(sidecar(path), json.dumps({**metadata.to_text(), **about}, indent=1) + "\n")
    return shown(precisions)


def require_precision(precisions: Counter[str], wanted: str) -> None:
    """Raise `ExportError` unless some layers compute in the precision asked for."""
    if not precisions[wanted]:
        raise ExportError(
            f"the engine was to compute in {wanted}, but TensorRT built {shown(precisions)}."
        )


def _build(model: onnx.ModelProto, max_batch: int, workspace_gib: int) -> bytes:
    logger = trt.Logger(trt.Logger.WARNING)
    trt.init_libnvinfer_plugins(logger, "")
    builder = trt.Builder(logger)
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model.SerializeToString()):
        errors = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise ExportError(f"TensorRT {trt.__version__} cannot parse the model: {errors}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_gib * GIBIBYTE)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # so that it tells its types
    config.clear_flag(trt.BuilderFlag.TF32)  # f32 means f32
    images = network.get_input(0)
    dims = images.shape
    if dims[0] < 0:
        picture = [dims[axis] for axis in range(1, len(dims))]
        profile = builder.create_optimization_profile()
        one, most = trt.Dims([1, *picture]), trt.Dims([max_batch, *picture])
        profile.set_shape("images", one, one, most)
        config.add_optimization_profile(profile)
    built = builder.build_serialized_network(network, config)
    if built is None:
        raise ExportError(f"TensorRT {trt.__version__} cannot build the engine; see above.")
    return bytes(built)
