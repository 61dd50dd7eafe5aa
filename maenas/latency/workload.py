"""Networks with a latency: a backbone with or without neck and head, a detector, an ONNX file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from maenas.blocks import Backbone, MaenasError, Op
from maenas.budgets.image_size import InputSize, image_shape, shown_size
from maenas.detector import load_template
from maenas.detector.checkpoints.checkpoint import SPEC_FILE
from maenas.detector.model.spec import DetectorSpec
from maenas.runs.models import find_model

if TYPE_CHECKING:
    import onnx

    from maenas.budgets.latency import LatencyModel

# Domains of the operators that ONNX Runtime alone computes: its own, and those of classic learners.
ONNX_RUNTIME = {"com.microsoft", "ai.onnx.ml"}
NO_TEMPLATE = "none"


@dataclass(frozen=True, slots=True)
class PricedLayer:
    """A layer with its name and operators."""

    name: str
    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """A network whose latency is measured or predicted.

    Attributes:
        name: name given by the user, or the file that it stands for.
        what: kind of network: "detector", "backbone" or "onnx".
        layers: layers in order of execution.
        unknown: number of unknown operators of an ONNX file, by kind.
        graph: function that makes its static ONNX graph.
        device: device that the network was searched for; None if unknown.
        behind: number of operators of an ONNX file that select detections, by kind; they are
            neither in `layers` nor in `graph`, because their time depends on the image.
        whole: function that makes the graph with the operators of `behind`; None without any.
        input_size: input size given by the user; None for the network's own.
        stand_ins: a copy of the same size for each unknown operator of known shape, under the kind
            of that operator.
    """

    name: str
    what: str
    layers: tuple[PricedLayer, ...]
    unknown: Counter[str]
    graph: Callable[[], onnx.ModelProto]
    device: str | None = None
    behind: Counter[str] = field(default_factory=Counter)
    whole: Callable[[], onnx.ModelProto] | None = None
    input_size: InputSize = None
    stand_ins: tuple[PricedLayer, ...] = ()

    @property
    def label(self) -> str:
        """The name, followed by the input size if the user gave one."""
        size = shown_size(self.input_size)
        return f"{self.name}@{size}" if size else self.name

    @property
    def arguments(self) -> str:
        """The arguments that name the network on a command line."""
        size = shown_size(self.input_size)
        return quote(self.name) + (f" --input-size {size}" if size else "")

    @property
    def ops(self) -> tuple[Op, ...]:
        """All operators."""
        return tuple(op for layer in self.layers for op in layer.ops)

    def price(self, model: LatencyModel, op: Op) -> tuple[float, str | None]:
        """Milliseconds of one operator, and why they are extrapolated; None if they are not.

        Raises:
            DeviceError: if the device has no price for it; the message names the command that
                measures it.
        """
        from maenas.budgets.latency import NETWORK, DeviceError

        try:
            return model.op_ms(op), model.guess(op)
        except DeviceError as error:
            raise DeviceError(str(error).replace(NETWORK, self.arguments)) from None

    def require_known(self) -> None:
        """Raise `MaenasError` if the network has no operators, or unknown ones, which it names."""
        if not (self.layers or self.unknown):
            raise MaenasError(f"{self.name}: has no operator that takes time.")
        if self.unknown:
            kinds = ", ".join(f"{count} x {kind}" for kind, count in self.unknown.most_common())
            raise MaenasError(
                f"{self.name}: has operators without a price: {kinds}. {self.remedy()}"
            )

    def cannot_run(self, backend: str) -> str | None:
        """Why no operator of a foreign domain can be measured with a runtime; None without any."""
        kinds = {kind: count for kind, count in self.unknown.items() if _is_foreign(kind)}
        if not kinds:
            return None
        shown = ", ".join(f"{count} x {kind}" for kind, count in kinds.items())
        return f"{self.name}: {backend} cannot run all its operators: {shown}. {self.remedy()}"

    def remedy(self) -> str:
        """A sentence on what can be done with a file that has unknown operators."""
        domains = {kind.rpartition(".")[0] for kind in filter(_is_foreign, self.unknown)}
        if not domains:
            return f"`maenas measure {self.arguments}` can still time it as a whole."
        if domains <= ONNX_RUNTIME:
            return (
                f"`maenas measure {self.arguments} --device onnxruntime-cpu` can still time it as "
                "a whole."
            )
        if "" in domains:
            return "ONNX defines no operator of this name; export the network without it."
        return (
            f"No runtime here computes operators of {', '.join(sorted(domains))}; export the "
            "network without them."
        )


def _is_foreign(kind: str) -> bool:
    """Whether an operator is of another domain than ONNX's, or of none."""
    import onnx

    return "." in kind or not onnx.defs.has(kind.split()[0])


def find_workload(name: str, template: str | None, input_size: InputSize) -> Workload:
    """The network that a name on the command line stands for.

    Args:
        name: path of an .onnx file, or a name that `find_model` accepts.
        template: scale of the neck and head to add to a backbone; "none" for the backbone alone,
            None for the template of its run, if known.
        input_size: input size; None for the network's own.
    Raises:
        MaenasError: if the network cannot be read; the message names file and cause.
    """
    if name.lower().endswith(".onnx"):
        return onnx_workload(Path(name), input_size)
    model = find_model(name)
    if template not in (None, NO_TEMPLATE) and (Path(name) / SPEC_FILE).exists():
        raise MaenasError(f"{name}: is a detector with a neck and head; leave --template out.")
    backbone = model.backbone
    if input_size is not None:
        in_shape = image_shape(input_size, backbone.in_shape[0])
        backbone = replace(backbone, in_shape=in_shape)
    around = model.template
    if template is not None:
        around = None
        if template != NO_TEMPLATE:
            around = load_template(template).with_classes(model.num_classes)
    if around is None:
        found = _backbone_workload(model.name, backbone, model.device)
    else:
        detector = replace(model, backbone=backbone).around(around)
        found = _detector_workload(model.name, detector, model.device)
    return replace(found, input_size=input_size)


def onnx_workload(path: Path, input_size: InputSize) -> Workload:
    """The network in an ONNX file."""
    from maenas.budgets.graph import graph_layers, load_graph
    from maenas.budgets.graph.nms_tail import part

    whole = load_graph(path, input_size)
    parted = part(whole)
    layers = graph_layers(parted.network)
    return Workload(
        str(path),
        "onnx",
        tuple(PricedLayer(layer.name, layer.ops) for layer in layers.layers),
        layers.unknown,
        lambda: parted.network,
        behind=parted.behind,
        whole=(lambda: whole) if parted.behind else None,
        input_size=input_size,
        stand_ins=tuple(PricedLayer(layer.name, layer.ops) for layer in layers.stand_ins),
    )


def _detector_workload(name: str, spec: DetectorSpec, device: str | None) -> Workload:
    from maenas.latency.graphs import graph_of

    features = spec.backbone.feature_shapes()
    layers = [
        *_numbered_stages(spec.backbone),
        *_numbered("neck", tuple(spec.neck.ops(features))),
        *_numbered("head", tuple(spec.head.ops(spec.neck.out_shapes(features)))),
    ]
    return Workload(name, "detector", tuple(layers), Counter(), lambda: graph_of(spec), device)


def _backbone_workload(name: str, backbone: Backbone, device: str | None) -> Workload:
    from maenas.latency.graphs import backbone_graph

    layers = tuple(_numbered_stages(backbone))
    return Workload(name, "backbone", layers, Counter(), lambda: backbone_graph(backbone), device)


def _numbered_stages(backbone: Backbone) -> list[PricedLayer]:
    return [
        layer
        for index, ops in enumerate(backbone.stage_ops())
        for layer in _numbered(f"stage {index}", ops)
    ]


def _numbered(part: str, ops: tuple[Op, ...]) -> list[PricedLayer]:
    return [PricedLayer(f"{part}.{index}", (op,)) for index, op in enumerate(ops)]
