"""Engine builds with TensorRT 10 and 11, with a timing cache for the next build."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import platformdirs
import tensorrt as trt
import torch

from maenas.blocks.errors import MaenasError
from maenas.blocks.files.atomic_write import write_bytes
from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.nvml import driver_version

GIBIBYTE = 1 << 30
SEVERE = (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR)


class Messages(trt.ILogger):
    """A logger that prints nothing and collects errors, to report them in maenas's own errors."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self._errors: list[str] = []

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        """Called by TensorRT."""
        if severity in SEVERE:
            self._errors.append(" ".join(msg.split()))

    def take(self) -> str:
        """Return the errors since the last call as one line, and forget them."""
        found, self._errors = self._errors, []
        return "; ".join(found)[:500] or "it gives no reason"


MESSAGES = Messages()  # TensorRT accepts one logger per process


def build_engine(model: onnx.ModelProto, max_batch: int = 1, workspace_gib: int = 4) -> bytes:
    """Build an engine for the GPU of this machine.

    The graph determines the precision: the network is strongly typed, which is a flag in TensorRT
    10 and the only mode of TensorRT 11. The engine reports detailed layer information. The user's
    cache keeps kernel timings by GPU, TensorRT version and driver, so that the next build is faster
    and chooses the same kernels.

    Args:
        model: model typed in the wanted precision.
        max_batch: maximum batch size if the batch of the model is open.
        workspace_gib: memory that tactics may use, in GiB.
    Raises:
        BackendError: if TensorRT cannot parse or build the model.
    """
    trt.init_libnvinfer_plugins(MESSAGES, "")
    MESSAGES.take()
    builder = new_builder()
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    parser = trt.OnnxParser(network, MESSAGES)
    if not parser.parse(model.SerializeToString()):
        errors = (parser.get_error(index).desc() for index in range(parser.num_errors))
        reason = "; ".join(" ".join(error.split()) for error in errors) or MESSAGES.take()
        raise BackendError(f"TensorRT {trt.__version__} cannot parse the model: {reason}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_gib * GIBIBYTE)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # to read back its types
    config.clear_flag(trt.BuilderFlag.TF32)  # f32 without TF32
    _open_batch(builder, config, network.get_input(0), max_batch)
    path = timing_cache_path(torch.cuda.get_device_name(), trt.__version__, driver_version())
    _use_timings(config, path)
    built = builder.build_serialized_network(network, config)
    if built is None:
        raise BackendError(f"TensorRT {trt.__version__} cannot build it: {MESSAGES.take()}")
    cache = config.get_timing_cache()
    if cache is not None:
        keep_timings(path, bytes(cache.serialize()))
    return bytes(built)


def new_builder() -> trt.Builder:
    """Return a TensorRT builder.

    Raises:
        BackendError: if TensorRT cannot use the GPU, for example because the driver is too old.
    """
    try:
        return trt.Builder(MESSAGES)
    except TypeError:  # the binding's error for a null builder
        raise BackendError(
            f"TensorRT {trt.__version__} cannot use {torch.cuda.get_device_name()} with driver "
            f"{driver_version()}: {MESSAGES.take()}"
        ) from None


def load_engine(content: bytes) -> trt.ICudaEngine:
    """Load an engine from its serialised content.

    Raises:
        BackendError: if the engine is damaged, or was built by another TensorRT or for another GPU.
    """
    trt.init_libnvinfer_plugins(MESSAGES, "")
    MESSAGES.take()
    engine = _runtime().deserialize_cuda_engine(content)
    if engine is None:
        raise BackendError(
            f"TensorRT {trt.__version__} on {torch.cuda.get_device_name()} cannot load the "
            f"engine: {MESSAGES.take()}"
        )
    return engine


@cache
def _runtime() -> trt.Runtime:
    """Return the runtime of this process, which must outlive its engines."""
    return trt.Runtime(MESSAGES)


def engine_information(engine: trt.ICudaEngine) -> str:
    """Return the inspector's information about all layers, as JSON."""
    inspector = engine.create_engine_inspector()
    return str(inspector.get_engine_information(trt.LayerInformationFormat.JSON))


def timing_cache_path(gpu: str, version: str, driver: str) -> Path:
    """Return the path of the timing cache; TensorRT refuses the timings of another version."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{gpu} trt{version} driver{driver}").strip("-").lower()
    return platformdirs.user_cache_path("maenas") / "tensorrt" / f"{name}.timing"


def keep_timings(path: Path, content: bytes) -> None:
    """Write a timing cache; a failure is ignored, since it only makes the next build slower."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except (OSError, MaenasError):
        return


def _use_timings(config: trt.IBuilderConfig, path: Path) -> None:
    """Give the builder the timing cache, or an empty one if it refuses the cache."""
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    for known in (content, b""):
        cache = config.create_timing_cache(known)
        if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
            return


def _open_batch(builder: trt.Builder, config: trt.IBuilderConfig, images: Any, most: int) -> None:
    """If the batch is open, allow batch sizes from 1 to `most`, optimised for 1."""
    dims = images.shape
    if dims[0] >= 0:
        return
    image = [dims[axis] for axis in range(1, len(dims))]
    profile = builder.create_optimization_profile()
    one, largest = trt.Dims([1, *image]), trt.Dims([most, *image])
    profile.set_shape(images.name, one, one, largest)
    config.add_optimization_profile(profile)
