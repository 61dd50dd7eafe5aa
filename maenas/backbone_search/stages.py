"""A backbone stage by stage, with neck and head where they are known: the result of `show`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from maenas.blocks import Backbone, MaenasError, Op, Shape
from maenas.blocks.backbone_file import block_data
from maenas.budgets import Cost, LatencyModel, cost, load_device
from maenas.detector import Template
from maenas.nas import Score
from maenas.runs.models import ModelSpec

SCHEMA = "maenas/show@1"


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage of a backbone, or the neck or head behind it.

    Attributes:
        stage: index, counted on for neck and head.
        type: kind of the block; "RepGFPN" and "ZeroHead" or "ZeroHead one-to-one" for neck and
            head.
        in_shape: (channels, height, width) of the first operator's input.
        out_shape: (channels, height, width) of the last operator's output.
        inner_channels: channels inside the units; None if the block has none.
        depth: number of units.
        stride: stride of the stage.
        kernel_size: largest height or width of its convolutions' kernels.
        spp: whether it holds an SPP.
        params: number of parameters.
        macs: multiply-accumulates.
        latency_ms: predicted milliseconds.
        score: contribution to the score; None for neck and head.
    """

    stage: int
    type: str
    in_shape: Shape
    out_shape: Shape
    inner_channels: int | None
    depth: int
    stride: int
    kernel_size: int
    spp: bool
    params: int
    macs: int
    latency_ms: float
    score: float | None

    def to_json(self) -> dict[str, Any]:
        """The row as plain data."""
        shapes = {"in_shape": list(self.in_shape), "out_shape": list(self.out_shape)}
        return {**asdict(self), **shapes}


@dataclass(frozen=True, slots=True)
class LimitedLatency:
    """The latency of a network on one of the devices that its search limited.

    Attributes:
        device: name of the device.
        limit_ms: limit in milliseconds.
        ms: predicted milliseconds; None if the device has no price for the network here.
        kind: "predicted" by a table of the device itself, or "estimated".
        reason: why there is no price; None if there is one.
        warning: reason not to trust the price, and the remedy; None if it can be trusted.
    """

    device: str
    limit_ms: float
    ms: float | None
    kind: str
    reason: str | None = None
    warning: str | None = None

    @property
    def line(self) -> str:
        """The latency and what is left of the limit, for people."""
        if self.ms is None:
            return f"{self.device}: limit {self.limit_ms:.3f} ms; {self.reason}"
        spare = 100 * (1 - self.ms / self.limit_ms)
        return (
            f"{self.ms:.3f} ms {self.kind} on {self.device} of {self.limit_ms:.3f} ms "
            f"({spare:.1f} % to spare)"
        )

    def to_json(self) -> dict[str, Any]:
        """The latency as plain data."""
        spare = None if self.ms is None else 1 - self.ms / self.limit_ms
        return {
            "device": self.device,
            "latency_ms": self.ms,
            "limit_ms": self.limit_ms,
            "spare": spare,
            "latency_kind": self.kind,
            "reason": self.reason,
            "warning": self.warning,
        }


@dataclass(frozen=True, slots=True)
class ShowResult:
    """A backbone stage by stage.

    Attributes:
        name: name of the model, or the file in its run folder.
        backbone: backbone of the model.
        template: neck and head that are shown with it; None for the backbone alone.
        score: score whose contributions are shown.
        device: latency model that prices the operators.
        cost: cost of all rows together.
        rows: stages in order, then neck and head if they are shown.
        limited: latency on each device that the search limited, if it limited several.
    """

    name: str
    backbone: Backbone
    template: Template | None
    score: Score
    device: LatencyModel
    cost: Cost
    rows: tuple[StageRow, ...]
    limited: tuple[LimitedLatency, ...] = ()

    @property
    def total(self) -> float:
        """Score of the backbone."""
        return self.score(self.backbone)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the score, one per resolution level."""
        return self.score.level_weights(1 + max(self.backbone.levels))

    @property
    def stages(self) -> tuple[StageRow, ...]:
        """The rows of the backbone alone."""
        return self.rows[: len(self.backbone.stages)]

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        data: dict[str, Any] = {
            "schema": SCHEMA,
            "spec": self.name,
            "template": None if self.template is None else self.template.name,
            "in_shape": list(self.backbone.in_shape),
            "features": list(self.backbone.features),
            "score": self.total,
            "score_name": self.score.name,
            "level_scores": list(self.score.level_scores(self.backbone)),
            "weights": list(self.weights),
            "latency_ms": self.cost.latency_ms,
            "latency_kind": self.device.claim,
            "latency_about": self.device.about,
            "latency_warning": self.device.warning,
            "device": self.device.device,
            "macs": self.cost.macs,
            "params": self.cost.params,
            "memory_bytes": self.cost.memory_bytes,
            "layers": self.backbone.layers,
            "depth": [row.depth for row in self.stages],
            "stages": [row.to_json() for row in self.rows],
        }
        if self.limited:
            data["latencies"] = [one.to_json() for one in self.limited]
        return data


def stages_of(
    model: ModelSpec, device: LatencyModel, template: Template | None, score: Score
) -> ShowResult:
    """The stages of a model, priced on a device, with their contributions to a score.

    Raises:
        SpecError: if no detector can be made with the backbone and the template.
    """
    backbone = model.backbone
    if template is not None:
        model.around(template)
    parts = list(_parts(backbone, template))
    shares = [*score.shares(backbone), None, None]
    rows = tuple(
        _row(index, data, ops, device, share)
        for index, ((data, ops), share) in enumerate(zip(parts, shares, strict=False))
    )
    every = [op for _, ops in parts for op in ops]
    limited = tuple(_limited(name, limit, every) for name, limit in model.limits_ms.items())
    return ShowResult(
        model.name, backbone, template, score, device, cost(every, device), rows, limited
    )


def _limited(name: str, limit_ms: float, ops: Sequence[Op]) -> LimitedLatency:
    try:
        model = load_device(name)
        ms = model.latency_ms(ops)
    except MaenasError as error:  # its table may lie on another machine
        return LimitedLatency(name, limit_ms, None, "unknown", str(error))
    return LimitedLatency(name, limit_ms, ms, model.claim, warning=model.warning)


def _parts(
    backbone: Backbone, template: Template | None
) -> Iterator[tuple[Mapping[str, Any], tuple[Op, ...]]]:
    """Plain data and operators of each stage, then of neck and head."""
    for stage, ops in zip(backbone.stages, backbone.stage_ops(), strict=True):
        yield block_data(stage), ops
    if template is not None:
        features = backbone.feature_shapes()
        yield {"block": "RepGFPN"}, tuple(template.neck.ops(features))
        levels = template.neck.out_shapes(features)
        head = "ZeroHead one-to-one" if template.head.one_to_one else "ZeroHead"
        yield {"block": head}, tuple(template.head.ops(levels))


def _row(
    index: int,
    data: Mapping[str, Any],
    ops: Sequence[Op],
    device: LatencyModel,
    score: float | None,
) -> StageRow:
    price = cost(ops, device)
    return StageRow(
        stage=index,
        type=data["block"],
        in_shape=ops[0].in_shape,
        out_shape=ops[-1].out_shape,
        inner_channels=_inner(data, ops),
        depth=data.get("depth", 1),
        stride=max(1, ops[0].in_shape[1] // max(1, ops[-1].out_shape[1])),
        kernel_size=max(max(op.kernel) for op in ops if op.kind == "conv"),
        spp=bool(data.get("spp", False)),
        params=price.params,
        macs=price.macs,
        latency_ms=price.latency_ms,
        score=score,
    )


def _inner(data: Mapping[str, Any], ops: Sequence[Op]) -> int | None:
    """Channels inside the units: the bottleneck, or the expanded width of a Mob stage."""
    if "expand_ratio" in data:
        return max(op.out_shape[0] for op in ops if op.groups > 1)
    found: int | None = data.get("bottleneck_channels")
    return found
