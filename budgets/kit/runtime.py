"""Contract of a kit's runtime: the lines of the script that call its tool, and its logs read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import onnx

from maenas.blocks.errors import MaenasError
from maenas.budgets.backends.backend import LayerTime
from maenas.budgets.kit.onnx_files import SharedWeights, portable
from maenas.budgets.latency import Precision
from maenas.budgets.profiling.modules import Block, Head

Facts = Mapping[str, str]  # what the script found out about the machine, by name


class LogError(MaenasError):
    """A log does not say what a table needs; the message is the reason, without the file."""


@dataclass(frozen=True, slots=True)
class ToolRun:
    """What a tool reported about one run of a graph.

    Attributes:
        ms: milliseconds of each inference, or of each average that the tool printed; a single
            median or mean where it prints no more.
        runtime: name and version of the runtime, as the tool or the system reports it.
        device: name of the device that ran the graph.
        hardware: type of the device.
        precision: number format that the tool reports; None if it reports none.
        threads: number of threads on a CPU; None elsewhere.
        facts: further facts for the provenance, such as clocks.
        mean_ms: mean of all inferences of the run, if the tool prints it beside a median in `ms`.
    """

    ms: tuple[float, ...]
    runtime: str
    device: str
    hardware: Literal["cpu", "gpu"]
    precision: Precision | None
    threads: int | None = None
    facts: Mapping[str, str | float] = field(default_factory=dict)
    mean_ms: float | None = None

    @property
    def mean(self) -> float:
        """Mean milliseconds of the run."""
        return self.mean_ms if self.mean_ms is not None else sum(self.ms) / len(self.ms)

    def __post_init__(self) -> None:
        if not self.ms or min(self.ms) <= 0 or self.mean <= 0:
            raise LogError("the tool reports no latency")


@dataclass(frozen=True, slots=True)
class ToolLayers:
    """Layer times that a tool reported.

    Attributes:
        layers: time of each layer, mean over the inferences.
        precision: number format of most of the work; None if the layers do not show it.
    """

    layers: tuple[LayerTime, ...] = ()
    precision: Precision | None = None


class KitRuntime(ABC):
    """A vendor's tool that times one graph file, and how its logs are read.

    Attributes:
        name: name for `--runtime`.
        tool: name of the program.
        backend: name of the runtime in latency tables.
        hardware: type of device that the graphs are chosen for.
        precisions: number formats that can be requested, the default first; empty if the tool
            decides alone.
        has_layers: whether the tool can report the times of layers.
        graph_suffix: suffix of graph files.
        install: sentence on how to get the tool.
        settings: environment variables of the script with the meaning of each.
        lacks: blocks and heads of the networks of modules whose operators the runtime lacks.
    """

    name: ClassVar[str]
    tool: ClassVar[str]
    backend: ClassVar[str]
    hardware: ClassVar[Literal["cpu", "gpu"]] = "cpu"
    precisions: ClassVar[tuple[Precision, ...]] = ()
    has_layers: ClassVar[bool] = False
    graph_suffix: ClassVar[str] = ".onnx"
    install: ClassVar[str]
    settings: ClassVar[Mapping[str, str]] = {}
    lacks: ClassVar[tuple[Block | Head, ...]] = ()

    @abstractmethod
    def shell(self, precision: Precision | None, threads: int | None) -> str:
        """Return the POSIX shell functions of this tool.

        They are `find_tool` (sets TOOL, or prints one line and fails), `prepare NAME`, `time_graph
        NAME` and `time_layers NAME`; NAME is a graph without its suffix. All but the first print
        what the tool prints and return its status.
        """

    @abstractmethod
    def parse(self, text: str, facts: Facts, built: str = "") -> ToolRun:
        """Read the output of `time_graph`.

        Args:
            text: output of the tool.
            facts: what the script found out about the machine.
            built: output of `prepare`.
        Raises:
            LogError: if the output holds no latency, or is not that of this tool.
        """

    def layers(self, text: str, known: Collection[str]) -> ToolLayers:
        """Read the output of `time_layers`; without layers if it holds none.

        Args:
            text: output of the tool.
            known: names of the ONNX nodes of the graph.
        """
        return ToolLayers()

    def reason(self, text: str) -> str:
        """Return the tool's own words on its failure: the last line that names an error."""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        wrong = [line for line in lines if "error" in line.lower() or "failed" in line.lower()]
        return (wrong or lines or ["it printed nothing"])[-1][:200]

    def graph_files(
        self, name: str, model: onnx.ModelProto, precision: Precision | None, weights: SharedWeights
    ) -> dict[str, bytes]:
        """Return the content of the files of a graph by their names.

        Args:
            name: name of the graph, fit for a file.
            model: static graph in 32-bit floats.
            precision: number format that the kit asks for.
            weights: file of weights that all graphs of the kit share.
        Raises:
            GraphError: if the runtime has no form of the graph.
        """
        if precision == "int8":
            from maenas.budgets.graph.quantise import quantised

            model = quantised(model)
        return {f"{name}.onnx": weights.moved(portable(model)).SerializeToString()}
