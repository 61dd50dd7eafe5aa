"""Interface to a runtime, which takes an ONNX graph and returns samples of its latency."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from maenas.blocks.errors import MaenasError
from maenas.budgets.latency import Precision

if TYPE_CHECKING:
    import onnx


class BackendError(MaenasError):
    """A runtime is missing, refuses a graph or a precision, or has lost its device."""


@dataclass(frozen=True, slots=True)
class LayerTime:
    """Time of one layer, as fused by the runtime.

    Attributes:
        name: name of the layer in the runtime.
        nodes: names of the ONNX nodes in the layer. For a layer that only changes the layout, the
            nodes of the layer that it serves. Empty if the runtime does not report them.
        kernel: name of the kernel that ran, such as "brgconv_avx512_1x1_f32".
        us: microseconds, mean over the inferences of the run. The mean over several runs is exact;
            a single run has the resolution of the runtime's counter.
        layout: whether the layer only changes the layout of a feature map for another layer.
    """

    name: str
    nodes: tuple[str, ...]
    kernel: str
    us: float
    layout: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Latencies of consecutive inferences.

    Attributes:
        ms: milliseconds of each inference at batch size 1; on a GPU, compute time without copies.
        layers: times of the layers, if they were requested and the runtime reports them.
        warnings: disturbances of the samples, such as a GPU that throttled.
    """

    ms: tuple[float, ...]
    layers: tuple[LayerTime, ...] = ()
    warnings: tuple[str, ...] = ()


class Session(ABC):
    """A compiled graph, ready to run; keep few at a time, since each holds its weights.

    Attributes:
        precision: number format of most of the work, read back from the runtime. It can differ
            from the requested one, since a graph may have no operator that can be quantised.
        note: short remark about the precision; often empty.
    """

    precision: Precision
    note: str = ""

    @abstractmethod
    def run(self, count: int) -> Run:
        """Run `count` inferences one after another, on inputs that are already in place.

        Raises:
            BackendError: if the device fails or is lost.
        """

    def close(self) -> None:  # noqa: B027 - most runtimes free unreferenced memory
        """Free the resources that the runtime does not free by itself."""


class Backend(ABC):
    """A runtime on a device, in one precision.

    A runtime of your own that is registered (`maenas.plugins`) has a constructor with the
    arguments (precision, threads), and sets the class attributes.

    Attributes:
        name: name of the runtime: "openvino", "tensorrt", "torch", "onnxruntime", or your own.
        precision: number format to compute graphs in.
        has_layers: whether the runtime reports the times of layers.
        precisions: number formats that it can compute in, the default first.
        hardware: type of the device; threads can be chosen on a "cpu".
        devices: names for `--device`; the name of the runtime if empty.
        about: noun phrase on the runtime, for messages.
    """

    precisions: ClassVar[tuple[Precision, ...]] = ("f32",)
    hardware: ClassVar[Literal["cpu", "gpu"]] = "cpu"
    devices: ClassVar[tuple[str, ...]] = ()
    about: ClassVar[str] = ""

    name: str
    precision: Precision
    has_layers: bool

    @abstractmethod
    def compile(self, model: onnx.ModelProto, layers: bool = False) -> Session:
        """Compile a static graph (`budgets.graph.static_graph`) in 32-bit floats.

        The backend converts the graph to its precision. It also warms up, so that the first `run`
        is as fast as later ones.

        Args:
            layers: whether runs also report the times of layers.
        Raises:
            BackendError: if the runtime refuses the graph, lacks memory, or would compute floats
                in another precision.
        """

    @abstractmethod
    def provenance(self) -> Mapping[str, str | int | float]:
        """Return the conditions of the measurement: device, driver, versions, threads, clocks."""

    @classmethod
    def problem(cls) -> str | None:
        """Return why the runtime cannot be used on this machine; None if it can."""
        return None

    def close(self) -> None:  # noqa: B027 - most devices need no release
        """Release the device for other processes."""
