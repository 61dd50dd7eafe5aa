"""What was published about the models of the zoo."""

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
    """Figures of one model, as its authors give them.

    Attributes:
        template: scale of neck and head.
        ap: COCO val 2017, in percent, trained without a teacher.
        latency_ms: batch 1, whole detector, without NMS.
        latency_on: device, runtime and precision of that.
        gflops: two a multiply-accumulate.
        mparams: millions of parameters.
        ap_distilled: AP trained with a teacher, None if not published.
    """

    template: str
    ap: float
    latency_ms: float
    latency_on: str
    gflops: float
    mparams: float
    ap_distilled: float | None = None


def load_published() -> dict[str, Published]:
    """Figures by the name of the model in the zoo."""
    path = Path(str(files("maenas.detector.model") / "published.yaml"))
    models = read_yaml(path, FORMAT)["models"]
    return {name: parse(Published, data, f"{path}: {name}") for name, data in models.items()}


def require_published(name: str) -> Published:
    """The figures of a published detector, "zoo:" before its name or not.

    Raises:
        ModelError: for a name that none has.
    """
    published = load_published()
    found = published.get(name.removeprefix("zoo:"))
    if found is None:
        raise ModelError(f"{name}: is no published detector; known: {', '.join(published)}.")
    return found


def report_gflops(ops: Iterable[Op], per_norm: int = 2) -> float:
    """GFLOPs as the report counts: two times multiply-accumulates and BatchNorms.

    Args:
        ops: of the whole detector.
        per_norm: operations an element behind a BatchNorm that is not in a RepConv. The tool the
            authors used counted 2 for the family; 4 in the version before, which they made the
            ablation tables and the figure of S with, when heads scored 81 classes.
    """
    return sum(2 * (op.macs + per_norm * elements(op.out_shape) * op.norm) for op in ops) / 1e9
