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
from maenas.budgets.backends.engine_info import BATCH_1, EngineOptions
from maenas.budgets.backends.nvml import driver_version

GIBIBYTE = 1 << 30
AMPERE = (8, 0)  # compute capability of the first GPUs that hardware-compatible engines run on
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


def build_engine(model: onnx.ModelProto, options: EngineOptions = BATCH_1) -> bytes:
    """Build an engine for the GPU of this machine.

    The graph determines the precision: the network is strongly typed, which is a flag in TensorRT
    10 and the only mode of TensorRT 11. The engine reports detailed layer information. The user's
    cache keeps kernel timings by GPU, TensorRT version and driver, so that the next build is faster
    and chooses the same kernels.

    Args:
        model: model typed in the wanted precision.
        options: batch sizes and compatibility of the engine.
    Raises:
        BackendError: if TensorRT cannot parse or build the model.
    """
    trt.init_libnvinfer_plugins(MESSAGES, "")
    MESSAGES.take()
    builder = new_builder()
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = _made(builder.create_network(typed), "create a network")
    parser = trt.OnnxParser(network, MESSAGES)
    if not parser.parse(model.SerializeToString()):
        errors = (parser.get_error(index).desc() for index in range(parser.num_errors))
        reason = "; ".join(" ".join(error.split()) for error in errors) or MESSAGES.take()
        raise BackendError(f"TensorRT {trt.__version__} cannot parse the model: {reason}")
    config = _made(builder.create_builder_config(), "configure a build")
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_gib * GIBIBYTE)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # to read back its types
    config.clear_flag(trt.BuilderFlag.TF32)  # f32 without TF32
    _set_compatibility(config, options)
    if options.version_compatible:  # plugins that another version would have to bring itself
        config.plugins_to_serialize = list(parser.get_used_vc_plugin_libraries())
    _open_batch(builder, config, network.get_input(0), options.batches)
    path = timing_cache_path(torch.cuda.get_device_name(), trt.__version__, driver_version())
    timings = _use_timings(config, path)  # the build needs it alive
    built = _made(builder.build_serialized_network(network, config), "build it")
    if timings is not None:
        keep_timings(path, bytes(timings.serialize()))
    return bytes(built)


def new_builder() -> trt.Builder:
    """Return a TensorRT builder.

    Raises:
        BackendError: if TensorRT cannot use the GPU, for example because the driver is too old.
    """
    try:
        return trt.Builder(MESSAGES)
    except TypeError:  # the binding's error for a null builder
        raise _unusable() from None


def load_engine(content: bytes, host_code: bool = False) -> trt.ICudaEngine:
    """Load an engine from its serialised content.

    Args:
        content: content of the file.
        host_code: whether code in the file may run; a version-compatible engine needs it.
    Raises:
        BackendError: if the engine is damaged, or was built by another TensorRT or for another GPU.
    """
    trt.init_libnvinfer_plugins(MESSAGES, "")
    MESSAGES.take()
    runtime = _runtime()
    runtime.engine_host_code_allowed = host_code
    engine = runtime.deserialize_cuda_engine(content)
    if engine is None:
        raise BackendError(
            f"TensorRT {trt.__version__} on {torch.cuda.get_device_name()} cannot load the "
            f"engine: {MESSAGES.take()}"
        )
    return engine


def new_context(engine: trt.ICudaEngine) -> trt.IExecutionContext:
    """Return a new execution context of an engine.

    Raises:
        BackendError: if TensorRT cannot create it, for example for lack of memory.
    """
    MESSAGES.take()
    return _made(engine.create_execution_context(), "make the engine ready to run")


@cache
def _runtime() -> trt.Runtime:
    """Return the runtime of this process, which must outlive its engines.

    Raises:
        BackendError: if TensorRT cannot use the GPU.
    """
    try:
        return trt.Runtime(MESSAGES)
    except TypeError:  # the binding's error for a null runtime
        raise _unusable() from None


def engine_information(engine: trt.ICudaEngine, context: trt.IExecutionContext) -> str:
    """Return the inspector's information about all layers, as JSON.

    Args:
        engine: engine to inspect.
        context: context of the engine whose input shapes are set. Without them the inspector hides
            the types of tensors in an engine of open batch.
    """
    inspector = _made(engine.create_engine_inspector(), "inspect the engine")
    inspector.execution_context = context
    return str(inspector.get_engine_information(trt.LayerInformationFormat.JSON))


def _made(thing: Any, action: str) -> Any:
    """Return what TensorRT made.

    Raises:
        BackendError: if it made nothing; the message gives TensorRT's own.
    """
    if thing is None:
        raise BackendError(f"TensorRT {trt.__version__} cannot {action}: {MESSAGES.take()}")
    return thing


def _unusable() -> BackendError:
    return BackendError(
        f"TensorRT {trt.__version__} cannot use {torch.cuda.get_device_name()} with driver "
        f"{driver_version()}: {MESSAGES.take()}"
    )


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


def _use_timings(config: trt.IBuilderConfig, path: Path) -> trt.ITimingCache | None:
    """Give the builder the timing cache, or an empty one if it refuses the cache; returns it."""
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    for known in (content, b""):
        cache = config.create_timing_cache(known)
        if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
            return cache
    return None


def _set_compatibility(config: trt.IBuilderConfig, options: EngineOptions) -> None:
    """Let the engine run in other versions or on other GPUs, if the options say so.

    Raises:
        BackendError: if this GPU is older than those that such an engine runs on.
    """
    if options.version_compatible:
        config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)
    if options.hardware_compatible:
        if torch.cuda.get_device_capability() < AMPERE:
            raise BackendError(
                "hardware_compatible: such an engine has to be built on a GPU of compute "
                f"capability 8.0 or newer (Ampere); this is {torch.cuda.get_device_name()}."
            )
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS


def _open_batch(
    builder: trt.Builder, config: trt.IBuilderConfig, images: Any, batches: tuple[int, int, int]
) -> None:
    """If the batch is open, allow the least to the largest batch size, tuned for the optimal one.

    Raises:
        BackendError: if TensorRT refuses them.
    """
    dims = images.shape
    if dims[0] >= 0:
        return
    image = [dims[axis] for axis in range(1, len(dims))]
    profile = builder.create_optimization_profile()
    profile.set_shape(images.name, *(trt.Dims([batch, *image]) for batch in batches))
    if config.add_optimization_profile(profile) < 0:
        raise BackendError(f"TensorRT refuses the batch sizes {batches}: {MESSAGES.take()}")
