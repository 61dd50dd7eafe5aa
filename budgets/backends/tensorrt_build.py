"""Engines built by TensorRT 10 and 11, their timings kept for the next build."""

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
    """A logger that keeps errors, to be told as the reason of ours, and prints nothing."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self._errors: list[str] = []

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        """Called by TensorRT."""
        if severity in SEVERE:
            self._errors.append(" ".join(msg.split()))

    def take(self) -> str:
        """The errors since the last call, in one line."""
        found, self._errors = self._errors, []
        return "; ".join(found)[:500] or "it gives no reason"


MESSAGES = Messages()  # TensorRT takes one logger a process


def build_engine(model: onnx.ModelProto, max_batch: int = 1, workspace_gib: int = 4) -> bytes:
    """An engine for the GPU of this machine.

    Precision is that of the graph: the network is strongly typed, which TensorRT 10 calls a flag
    and TensorRT 11 knows alone. The engine tells of its layers in detail. How long kernels took is
    kept in the user's cache, by GPU, TensorRT and driver: the next build is faster and chooses the
    same ones.

    Args:
        model: typed in the precision wanted.
        max_batch: most images at a time, where the batch of the model is open.
        workspace_gib: memory that tactics may use.
    Raises:
        BackendError: if TensorRT cannot parse or build it.
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
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # so that it tells its types
    config.clear_flag(trt.BuilderFlag.TF32)  # f32 means f32
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
    """What engines are built with.

    Raises:
        BackendError: if TensorRT cannot use the GPU, as for want of a newer driver.
    """
    try:
        return trt.Builder(MESSAGES)
    except TypeError:  # so the binding says that the library gave it nothing
        raise BackendError(
            f"TensorRT {trt.__version__} cannot use {torch.cuda.get_device_name()} with driver "
            f"{driver_version()}: {MESSAGES.take()}"
        ) from None


def load_engine(content: bytes) -> trt.ICudaEngine:
    """An engine ready for execution contexts.

    Raises:
        BackendError: if it is damaged, or of another TensorRT or GPU.
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
    """One for the process: it must outlive its engines."""
    return trt.Runtime(MESSAGES)


def engine_information(engine: trt.ICudaEngine) -> str:
    """What the inspector tells of all layers, as JSON."""
    inspector = engine.create_engine_inspector()
    return str(inspector.get_engine_information(trt.LayerInformationFormat.JSON))


def timing_cache_path(gpu: str, version: str, driver: str) -> Path:
    """Where the timings of a GPU are kept; those of another version would be refused anyway."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{gpu} trt{version} driver{driver}").strip("-").lower()
    return platformdirs.user_cache_path("maenas") / "tensorrt" / f"{name}.timing"


def keep_timings(path: Path, content: bytes) -> None:
    """Write a timing cache; a folder that cannot be written costs time alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except (OSError, MaenasError):
        return


def _use_timings(config: trt.IBuilderConfig, path: Path) -> None:
    """Hand the builder what is known; a cache it refuses is begun anew."""
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    for known in (content, b""):
        cache = config.create_timing_cache(known)
        if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
            return


def _open_batch(builder: trt.Builder, config: trt.IBuilderConfig, images: Any, most: int) -> None:
    """Where the batch is open: engines for 1 to `most`, fastest at 1."""
    dims = images.shape
    if dims[0] >= 0:
        return
    image = [dims[axis] for axis in range(1, len(dims))]
    profile = builder.create_optimization_profile()
    one, largest = trt.Dims([1, *image]), trt.Dims([most, *image])
    profile.set_shape(images.name, one, one, largest)
    config.add_optimization_profile(profile)
