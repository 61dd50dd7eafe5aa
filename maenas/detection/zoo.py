"""The published models with the costs computed here: the result of `zoo`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from maenas.blocks import Backbone, Op, load_backbone, zoo_names
from maenas.detector import load_template
from maenas.detector.model.published import Published, load_published, report_gflops
from maenas.nas import max_entropy

SCHEMA = "maenas/zoo@1"
SOURCE = "DAMO-YOLO report v2, arXiv 2211.15444, and its repository"


@dataclass(frozen=True, slots=True)
class ZooModel:
    """A published model.

    Attributes:
        name: name; "zoo:NAME" is accepted wherever a spec is.
        backbone: backbone of the model.
        score: maximum-entropy score in nats.
        params: number of parameters, with neck and head if they are published.
        macs: multiply-accumulates of the same parts.
        gflops: GFLOPs of the same parts, counted as the report counts.
        published: figures of its authors for the whole detector; None for a backbone alone.
    """

    name: str
    backbone: Backbone
    score: float
    params: int
    macs: int
    gflops: float
    published: Published | None

    def to_json(self) -> dict[str, Any]:
        """The model as plain data."""
        figures = None if self.published is None else asdict(self.published)
        return {
            "name": self.name,
            "in_shape": list(self.backbone.in_shape),
            "layers": self.backbone.layers,
            "score": self.score,
            "scope": "backbone" if figures is None else "detector",
            "params": self.params,
            "macs": self.macs,
            "gflops": self.gflops,
            "published": None
            if figures is None
            else {**{key: figures[key] for key in KEYS}, "source": SOURCE},
        }


KEYS = ("template", "ap", "ap_distilled", "latency_ms", "latency_on", "gflops", "mparams")


@dataclass(frozen=True, slots=True)
class ZooResult:
    """All published models, by name."""

    models: tuple[ZooModel, ...]

    def to_json(self) -> dict[str, Any]:
        """The models as plain data."""
        return {"schema": SCHEMA, "models": [model.to_json() for model in self.models]}


def published_models() -> ZooResult:
    """The published models, sorted by name."""
    return ZooResult(tuple(map(_model, zoo_names())))


def _model(name: str) -> ZooModel:
    backbone = load_backbone(f"zoo:{name}")
    figures = load_published().get(name)
    ops: list[Op] = list(backbone.ops())
    if figures is not None:
        ops += load_template(figures.template).ops(backbone.feature_shapes())
    return ZooModel(
        name=name,
        backbone=backbone,
        score=max_entropy(backbone),
        params=sum(op.params for op in ops),
        macs=sum(op.macs for op in ops),
        gflops=report_gflops(ops),
        published=figures,
    )
