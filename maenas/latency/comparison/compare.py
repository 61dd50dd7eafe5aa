"""Networks side by side: stages, costs, latency on several devices, scores and measured AP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maenas.blocks import Backbone, MaenasError
from maenas.budgets.cost import cost
from maenas.budgets.device import device_of
from maenas.budgets.image_size import InputSize
from maenas.latency.predict import LayerLatency, priced_lines
from maenas.latency.workload import Workload, find_workload
from maenas.nas import load_score
from maenas.runs.models import find_model
from maenas.runs.training_table import training_in, training_rows

if TYPE_CHECKING:
    from maenas.budgets import LatencyModel

SCHEMA = "maenas/compare@1"
SCORES = ("max-entropy", "log-entropy")


@dataclass(frozen=True, slots=True)
class DeviceLatency:
    """Latency of a network on one device.

    Attributes:
        device: name of the device.
        kind: "predicted" by a table of the device itself, or "estimated".
        ms: milliseconds at batch size 1; None if the device has no price for the network.
        reason: why there is no price; None if there is one.
        lines: layers with their prices; () without a price.
        about: source of the prices and their error.
        warning: reason not to trust the prices, and the remedy; None if they can be trusted.
    """

    device: str
    kind: str
    ms: float | None
    reason: str | None = None
    lines: tuple[LayerLatency, ...] = ()
    about: str = ""
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class ComparedNetwork:
    """One network of a comparison, at batch size 1.

    Attributes:
        name: name given by the user, or the file that it stands for.
        what: kind of network: "detector", "backbone" or "onnx".
        in_shape: shape of the input without the batch, usually (channels, height, width).
        params: parameters.
        macs: multiply-accumulates.
        memory_bytes: largest input plus output of one operator, in half precision.
        latencies: latency on each device.
        layers: depth of the backbone as its family publishes it; None for an ONNX file.
        blocks: kinds of the backbone's stages; scores compare between equal ones only.
        widths: output channels of the backbone's stages.
        depths: units of the backbone's stages.
        scores: scores of the backbone by name.
        one_to_one: whether it is a detector with a one-to-one head, which needs no NMS.
        ap: highest AP that the run of a training measured, 0..1; None without one.
        backbone: backbone; None for an ONNX file.
    """

    name: str
    what: str
    in_shape: tuple[int, ...]
    params: int
    macs: int
    memory_bytes: int
    latencies: tuple[DeviceLatency, ...]
    layers: int | None = None
    blocks: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    depths: tuple[int, ...] = ()
    scores: dict[str, float] | None = None
    one_to_one: bool = False
    ap: float | None = None
    backbone: Backbone | None = None


def usual_devices(networks: Sequence[str], input_size: InputSize) -> list[LatencyModel]:
    """The devices that networks were searched for; the default one if they name none.

    Args:
        networks: names of networks, each as for `compared`.
        input_size: input size, as for `compared`.
    Raises:
        MaenasError: if a network cannot be read.
    """
    searched = dict.fromkeys(find_workload(name, None, input_size).device for name in networks)
    devices = [device_of(None, device) for device in searched if device is not None]
    return list({each.device: each for each in devices or [device_of(None, None)]}.values())


def compared(
    name: str,
    devices: Sequence[LatencyModel],
    template: str | None = None,
    input_size: InputSize = None,
) -> ComparedNetwork:
    """What a comparison shows of one network.

    Args:
        name: a spec, a detector or run folder, `zoo:NAME`, or an ONNX file.
        devices: devices to price it on.
        template: scale of neck and head around a backbone, "none" for the backbone alone; None
            for those of the network, where they are known.
        input_size: side of the input image in pixels, or (height, width); None for its own.
    Raises:
        MaenasError: if the network cannot be read, or has operators of unknown cost.
    """
    workload = find_workload(name, template, input_size)
    workload.require_known()
    price = cost(workload.ops, None)
    latencies = tuple(latency_on(workload, device) for device in devices)
    known = (price.params, price.macs, price.memory_bytes, latencies)
    if workload.what == "onnx":
        sizes = workload.graph().graph.input[0].type.tensor_type.shape.dim
        in_shape = tuple(size.dim_value for size in sizes[1:])
        return ComparedNetwork(workload.name, "onnx", in_shape, *known)
    model = find_model(name)
    backbone, own = model.backbone, model.template
    head = own.head if own and template is None and workload.what == "detector" else None
    return ComparedNetwork(
        workload.name,
        workload.what,
        workload.ops[0].in_shape,
        *known,
        layers=backbone.layers,
        blocks=tuple(stage.kind for stage in backbone.stages),
        widths=tuple(ops[-1].out_shape[0] for ops in backbone.stage_ops()),
        depths=tuple(getattr(stage, "depth", 1) for stage in backbone.stages),
        scores=scores_of(backbone),
        one_to_one=head is not None and head.one_to_one,
        ap=best_ap(Path(name)),
        backbone=backbone,
    )


def latency_on(workload: Workload, device: LatencyModel) -> DeviceLatency:
    """Latency on one device, or why it has no price there."""
    lines: tuple[LayerLatency, ...] = ()
    ms, reason = None, None
    try:
        lines = priced_lines(workload, device)
        ms = sum(line.ms for line in lines)
    except MaenasError as error:
        reason = str(error)
    return DeviceLatency(
        device.device, device.claim, ms, reason, lines, device.about, device.warning
    )


def scores_of(backbone: Backbone) -> dict[str, float]:
    """Scores of a backbone, where they are defined for its number of levels."""
    found = {}
    for name in SCORES:
        try:
            found[name] = load_score(name)(backbone)
        except MaenasError:
            continue
    return found


def best_ap(run: Path) -> float | None:
    """The highest AP in the table of a training run; None if there is none."""
    return max((row["ap"] for row in training_rows(training_in(run)) if "ap" in row), default=None)


def notes_of(networks: Sequence[ComparedNetwork]) -> list[str]:
    """What a comparison of these networks cannot say; [] without a note."""
    sizes = list(dict.fromkeys("x".join(map(str, each.in_shape[1:])) for each in networks))
    if len(sizes) < 2:
        return []
    return [
        f"input sizes differ ({', '.join(sizes)} pixels): AP and latency at different input sizes "
        "are results of different tasks; --input-size computes the costs at one size"
    ]


def to_json(networks: Sequence[ComparedNetwork]) -> dict[str, Any]:
    """The comparison as plain data."""
    listed = [_plain(network) for network in networks]
    return {"schema": SCHEMA, "networks": listed, "notes": notes_of(networks)}


def _plain(network: ComparedNetwork) -> dict[str, Any]:
    """A network as plain data, without its stages and layers, which `show` and `predict` list."""
    latencies = tuple(replace(latency, lines=()) for latency in network.latencies)
    data = asdict(replace(network, latencies=latencies, backbone=None))
    del data["backbone"]
    for latency in data["latencies"]:
        del latency["lines"], latency["about"]
    return data
