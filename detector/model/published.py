"""The published figures of the models in the zoo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from maenas.blocks import Op
from maenas.blocks.files.strict import parse
from maenas.blocks.files.yaml_file import read_yaml
from maenas.blocks.op import elements
from maenas.detector.errors import ModelError

FORMAT = "maenas/published@1"


@dataclass(frozen=True, slots=True)
class Published:
    """The figures of one model as published by its authors.

    Attributes:
        template: scale of neck and head.
        ap: AP on COCO val2017 after training without a teacher, in percent.
        latency_ms: latency of the whole detector at batch size 1, without NMS, in milliseconds.
        latency_on: device, runtime and precision of the latency.
        gflops: GFLOPs, counting two for each multiply-accumulate.
        mparams: number of params in millions.
        ap_distilled: AP after training with a teacher, in percent; None if not published.
    """

    template: str
    ap: float
    latency_ms: float
    latency_on: str
    gflops: float
    mparams: float
    ap_distilled: float | None = None


def load_published() -> dict[str, Published]:
    """The published figures by name of the model in the zoo."""
    path = Path(str(files("maenas.detector.model") / "published.yaml"))
    models = read_yaml(path, FORMAT)["models"]
    return {name: parse(Published, data, f"{path}: {name}") for name, data in models.items()}


def require_published(name: str) -> Published:
    """The figures of a published detector; the prefix "zoo:" of its name is optional.

    Raises:
        ModelError: if no published detector has this name.
    """
    published = load_published()
    found = published.get(name.removeprefix("zoo:"))
    if found is None:
        raise ModelError(f"{name}: is not a published detector; known: {', '.join(published)}.")
    return found


def report_gflops(ops: Iterable[Op], per_norm: int = 2) -> float:
    """GFLOPs as the report counts them: twice the multiply-accumulates and BatchNorm operations.

    Args:
        ops: operators of the whole detector.
        per_norm: operations for each output element of a BatchNorm outside RepConv. The authors'
            tool counted 2 for the model family. Its previous version counted 4; it was used for
            the ablation tables and the figure of S, when heads had 81 classes.
    """
    return sum(2 * (op.macs + per_norm * elements(op.out_shape) * op.norm) for op in ops) / 1e9
