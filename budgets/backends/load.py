"""Choice of the backend for a device that the user names."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from maenas.blocks.errors import SpecError
from maenas.blocks.plugins.extras import EXTRAS, is_installed
from maenas.blocks.plugins.load import entry_points
from maenas.blocks.plugins.registry import add_named, derived
from maenas.budgets.backends.backend import Backend, BackendError
from maenas.budgets.latency import Precision, with_precision

LOG = logging.getLogger(__name__)

# Device name that a user can type -> runtime; any other name is the name of a GPU.
NAMES: dict[str, str] = {
    "cpu": "openvino",
    "openvino-cpu": "openvino",
    "onnxruntime-cpu": "onnxruntime",
    "cuda": "cuda",
    "tensorrt": "tensorrt",
    "torch-cuda": "torch",
}
# Runtime -> supported precisions, the default first.
BACKENDS: dict[str, tuple[Precision, ...]] = {
    "openvino": ("f32", "bf16", "f16", "int8"),
    "onnxruntime": ("f32",),
    "tensorrt": ("f16", "f32", "int8"),
    "torch": ("f16", "f32"),
}
ON_CPU = {"openvino", "onnxruntime"}
ABOUT: dict[str, str] = {
    "openvino": "OpenVINO on this machine's CPU",
    "onnxruntime": "ONNX Runtime on this machine's CPU",
    "tensorrt": "TensorRT on an NVIDIA GPU",
    "torch": "PyTorch on an NVIDIA GPU",
}
OWN: dict[str, type[Backend]] = {}  # runtimes of plugins, which have a row in each table above too


@dataclass(frozen=True, slots=True)
class Target:
    """Device, runtime and settings of a measurement.

    Attributes:
        device: device name that the user typed, in lower case.
        backend: runtime, one of `BACKENDS`.
        precision: number format to compute in.
        threads: number of threads on a CPU; one per core if None.
    """

    device: str
    backend: str
    precision: Precision
    threads: int | None = None

    @property
    def hardware(self) -> Literal["cpu", "gpu"]:
        """Type of the hardware."""
        return "cpu" if self.backend in ON_CPU else "gpu"

    @property
    def name(self) -> str:
        """Name of the latency table: the device, with the settings that are not its defaults."""
        parts = [self.device]
        if self.precision != BACKENDS[self.backend][0]:
            parts.append(self.precision)
        if self.threads is not None:
            parts.append(f"{self.threads}t")
        return "-".join(parts)


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a runtime is available on this machine.

    Attributes:
        backend: runtime, one of `BACKENDS`.
        about: description of the runtime.
        why_not: missing part and how to install it; None if the runtime is available.
    """

    backend: str
    about: str
    why_not: str | None


def parse_target(device: str, precision: str | None = None, threads: int | None = None) -> Target:
    """Return runtime, precision and threads for a device of this machine.

    Args:
        device: one of `NAMES`, or the name of a GPU, such as "t4" or "rtx-4090"; a precision may
            follow after a colon, as in "cpu:int8".
        precision: number format; the default of the runtime if None: f32 on a CPU, f16 on a GPU.
        threads: number of threads on a CPU.
    Raises:
        BackendError: if the device is not in this machine, its runtime does not support the
            precision, or threads are given for a GPU.
    """
    device, precision = with_precision(device.strip(), precision)
    name = device.lower()
    if not name:
        raise BackendError(f"device: must be one of {', '.join(NAMES)} or a GPU's name, got ''.")
    if name not in NAMES:
        load_own()
    if name not in NAMES:
        _require_gpu_named(name)
    backend = NAMES.get(name, "cuda")
    if backend == "cuda":
        backend = "torch" if tensorrt_problem() else "tensorrt"
    known = BACKENDS[backend]
    chosen = next((p for p in known if p == precision), None) if precision else known[0]
    if chosen is None:
        raise BackendError(
            f"precision: {device} is measured in {', '.join(known)} ({ABOUT[backend]}), "
            f"got {precision!r}."
        )
    if threads is not None and backend not in ON_CPU:
        raise BackendError(f"threads: an option of CPUs; {device} is measured on a GPU.")
    return Target(name, backend, chosen, threads)


def open_backend(target: Target) -> Backend:
    """Return the backend of a target, ready to compile graphs.

    Raises:
        BackendError: if the runtime is not installed, with the way to install it, or the device is
            not in this machine.
    """
    LOG.debug("open %s on %s in %s", target.backend, target.device, target.precision)
    problem = PROBLEMS[target.backend]()
    if problem is not None:
        raise BackendError(f"{target.device}: {problem}")
    if target.backend in OWN:
        make: Callable[[Precision, int | None], Backend] = OWN[target.backend]
        return make(target.precision, target.threads)
    match target.backend:
        case "openvino":
            from maenas.budgets.backends.openvino_cpu import OpenVinoBackend

            return OpenVinoBackend(target.precision, target.threads)
        case "onnxruntime":
            from maenas.budgets.backends.onnxruntime_cpu import OnnxRuntimeBackend

            return OnnxRuntimeBackend(target.precision, target.threads)
        case "tensorrt":
            from maenas.budgets.backends.tensorrt_gpu import TensorRtBackend

            return TensorRtBackend(target.precision)
        case _:
            from maenas.budgets.backends.torch_cuda import TorchCudaBackend

            return TorchCudaBackend(target.precision)


def target_of(backend: Backend) -> Target:
    """Return the target that a backend object measures; its class is registered if it is new.

    Raises:
        SpecError: if another runtime has its name.
    """
    from maenas.budgets.backends.cpu import cpu_threads

    if backend.name not in BACKENDS:
        register_backend(type(backend))
    device = next(name for name, runtime in NAMES.items() if runtime == backend.name)
    threads = getattr(backend, "threads", None)
    is_usual = threads is None or threads == cpu_threads(None)
    return Target(device, backend.name, backend.precision, None if is_usual else threads)


def is_known(backend: str) -> bool:
    """Return whether there is a runtime of this name, plugins included."""
    if backend not in BACKENDS:
        load_own()
    return backend in BACKENDS


def load_own() -> None:
    """Register the runtimes of plugins and of installed packages."""
    for found in entry_points("maenas.backends"):
        register_backend(found)


def register_backend(backend: object) -> None:
    """Register a runtime under its name, and under the names of its devices.

    Raises:
        SpecError: if it is no backend, or a name is taken.
    """
    kind = derived(backend, Backend, "backend")
    name = getattr(kind, "name", None)
    if not isinstance(name, str) or not kind.precisions:
        raise SpecError(f"plugin: backend {kind.__qualname__} needs a `name` and `precisions`.")
    devices = kind.devices or (name,)
    taken = [device for device in devices if NAMES.get(device, name) != name]
    if taken or (name in BACKENDS and name not in OWN):
        raise SpecError(f"plugin: the device {(*taken, name)[0]!r} exists already.")
    add_named(OWN, name, kind, "backend")
    NAMES.update(dict.fromkeys(devices, name))
    BACKENDS[name] = kind.precisions
    ABOUT[name] = kind.about or name
    PROBLEMS[name] = kind.problem
    if kind.hardware == "cpu":
        ON_CPU.add(name)


def available() -> list[Availability]:
    """Return every runtime with the reason why it cannot be used here, if there is one."""
    return [Availability(name, ABOUT[name], PROBLEMS[name]()) for name in BACKENDS]


def openvino_problem() -> str | None:
    """Return why OpenVINO cannot run here; None if it can."""
    if is_installed("openvino"):
        return None
    return f"OpenVINO is not installed; {EXTRAS['openvino'].install}."


def onnxruntime_problem() -> str | None:
    """Return why ONNX Runtime cannot run here; None if it can."""
    if is_installed("onnxruntime"):
        return None
    return "ONNX Runtime is not installed; pip install onnxruntime."


def tensorrt_problem() -> str | None:
    """Return why TensorRT cannot run here; None if it can."""
    from maenas.budgets.backends.engine_info import require_tensorrt

    try:
        require_tensorrt()
        from maenas.budgets.backends.tensorrt_build import new_builder

        new_builder()
    except BackendError as error:
        return str(error)
    return None


def torch_problem() -> str | None:
    """Return why PyTorch cannot run on a GPU here; None if it can."""
    if gpu_name() is None:
        import torch

        return (
            "PyTorch finds no NVIDIA GPU that it can use; torch is "
            f"{torch.__version__}: if there is one, install its driver and a CUDA build of torch, "
            "see https://pytorch.org/get-started/locally."
        )
    return None


PROBLEMS: dict[str, Callable[[], str | None]] = {
    "openvino": openvino_problem,
    "onnxruntime": onnxruntime_problem,
    "tensorrt": tensorrt_problem,
    "torch": torch_problem,
}


def gpu_name() -> str | None:
    """Return the name of the first GPU that torch sees, such as "Tesla T4"; None without a GPU."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def is_named(gpu: str, name: str) -> bool:
    """Whether the typed name equals consecutive words of a GPU's name, ignoring separators.

    "rtx-4090" and "rtx4090" name an "NVIDIA GeForce RTX 4090"; "l4" does not name an "NVIDIA L40".
    """
    words, typed = _words(gpu), "".join(_words(name))
    ends = range(1, len(words) + 1)
    return any("".join(words[start:end]) == typed for end in ends for start in range(end))


def _require_gpu_named(name: str) -> None:
    """Raise `BackendError` unless the GPU of this machine has this name."""
    here = gpu_name()
    if here is not None and is_named(here, name):
        return
    near = get_close_matches(name, NAMES, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    found = f"its GPU is {here}" if here else "it has no GPU that torch can use"
    raise BackendError(
        f"device {name}: is not in this machine, {found}{hint}; measure on the machine that has "
        f"it and bring the table here, or choose one of {', '.join(NAMES)}."
    )


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", name.lower())
