"""The seam to a runtime: an ONNX graph goes in, samples of its latency come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maenas.blocks.errors import MaenasError
from maenas.budgets.latency import Precision

if TYPE_CHECKING:
    import onnx


class BackendError(MaenasError):
    """A runtime is missing, refuses a graph or a precision, or its device is gone."""


@dataclass(frozen=True, slots=True)
class LayerTime:
    """Time of one layer as the runtime fused it.

    Attributes:
        name: in the runtime.
        nodes: names of the ONNX nodes it came from; of a layer that only changes the layout, those
            of the layer it is for. Empty where the runtime does not tell.
        kernel: what ran, such as "brgconv_avx512_1x1_f32".
        us: microseconds, mean over the inferences of the run; of several runs the mean is exact,
            of one alone only as far as the runtime counts.
        layout: whether it only changes the layout of a map for another layer.
    """

    name: str
    nodes: tuple[str, ...]
    kernel: str
    us: float
    layout: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Some inferences in a row.

    Attributes:
        ms: milliseconds of each, batch 1; on a GPU its computing time without copies.
        layers: where the runtime has them and they were asked for.
        warnings: what spoils the samples, such as a GPU that throttled meanwhile.
    """

    ms: tuple[float, ...]
    layers: tuple[LayerTime, ...] = ()
    warnings: tuple[str, ...] = ()


class Session(ABC):
    """A graph made ready to run; hold few at a time, each holds its weights.

    Attributes:
        precision: number format of most of its work, read back from the runtime; not always the
            one asked for, since a graph may hold nothing that can be quantised.
        note: what else is to be known about its precision, in a few words; often empty.
    """

    precision: Precision
    note: str = ""

    @abstractmethod
    def run(self, count: int) -> Run:
        """Infer `count` times, one after the other, on inputs already in place.

        Raises:
            BackendError: if the device fails or is gone.
        """

    def close(self) -> None:  # noqa: B027 - most runtimes free what nothing refers to
        """Free what the runtime does not free by itself."""


class Backend(ABC):
    """A runtime on a device, in one precision.

    Attributes:
        name: of the runtime: "openvino", "tensorrt", "torch" or "onnxruntime".
        precision: number format that graphs are to be computed in.
        has_layers: whether it tells the time of layers.
    """

    name: str
    precision: Precision
    has_layers: bool

    @abstractmethod
    def compile(self, model: onnx.ModelProto, layers: bool = False) -> Session:
        """Make a static graph (`budgets.graph.static_graph`) in 32-bit floats ready to run.

        Typing it in the precision of the backend is the backend's own work. Warming up is too:
        the first `run` is like any later one.

        Args:
            layers: whether runs tell the time of layers as well.
        Raises:
            BackendError: if the runtime refuses it, lacks memory, or would compute floats in
                another precision.
        """

    @abstractmethod
    def provenance(self) -> Mapping[str, str | int | float]:
        """What a reader must know of the numbers: device, driver, versions, threads, clocks."""

    def close(self) -> None:  # noqa: B027 - most devices need not be given back
        """Give the device back to others."""
