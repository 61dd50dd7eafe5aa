"""The ablations of the DAMO-YOLO report: each row of its tables as a detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from maenas.blocks import SpecError, load_backbone
from maenas.blocks.files.strict import parse
from maenas.blocks.files.yaml_file import read_yaml
from maenas.detector.model.published import report_gflops
from maenas.detector.model.rep_gfpn import RepGFPN
from maenas.detector.model.spec import DetectorSpec, assemble
from maenas.detector.model.template import load_template
from maenas.detector.model.zero_head import ZeroHead

FORMAT = "maenas/ablations@1"
PATH = Path(str(files("maenas.detector.model") / "ablations.yaml"))
T4 = "T4 TensorRT FP16"
LEGACY_CLASSES = 81  # classes of the heads in the report's models, one of them unused


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one row in the report.

    Attributes:
        table: short name of the table.
        network: name of the row.
        ap: AP on COCO val2017, in percent.
        latency_ms: latency of the whole detector at batch size 1, without NMS, in milliseconds.
        latency_on: device, runtime and precision of the latency.
        gflops: GFLOPs as `report_gflops` counts them; None if the table has no such column.
        note: our interpretation of a detail that the report leaves open; "" for none.
    """

    table: str
    network: str
    ap: float
    latency_ms: float
    latency_on: str = T4
    gflops: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ablation:
    """A row of a table and the detector that it describes."""

    figures: Figures
    spec: DetectorSpec


@cache
def load_ablations(path: Path = PATH) -> tuple[Ablation, ...]:
    """All rows whose detector is known, in the order of the report.

    Raises:
        SpecError: if the file is damaged, with row and key.
    """
    rows = read_yaml(path, FORMAT)["rows"]
    return tuple(_ablation(row, f"{path}: rows[{index}]") for index, row in enumerate(rows))


@cache
def unpublished_rows(path: Path = PATH) -> tuple[Figures, ...]:
    """Rows whose backbones were not published.

    Raises:
        SpecError: if the file is damaged, with row and key.
    """
    rows = read_yaml(path, FORMAT)["unpublished"]
    return tuple(
        parse(Figures, row, f"{path}: unpublished[{index}]") for index, row in enumerate(rows)
    )


def ablation_gflops(spec: DetectorSpec) -> float:
    """The GFLOPs of a detector as the ablation tables count them."""
    head = replace(spec.head, num_classes=LEGACY_CLASSES)
    return report_gflops(replace(spec, head=head, names=()).ops(), per_norm=4)


def _ablation(row: object, where: str) -> Ablation:
    """The figures and the detector of one row in the file."""
    if not isinstance(row, dict) or "template" not in row:
        raise SpecError(f"{where}: must be a mapping with the key `template`.")
    parts = {"backbone", "template", "neck", "head"}
    figures = parse(Figures, {key: row[key] for key in row if key not in parts}, where)
    scale = row["template"]
    template = load_template(scale)
    template = replace(
        template,
        neck=parse(RepGFPN, _changed(template.neck, row.get("neck", {})), f"{where}.neck"),
        head=parse(ZeroHead, _changed(template.head, row.get("head", {})), f"{where}.head"),
    )
    backbone = load_backbone(f"zoo:{row.get('backbone', f'damo-yolo-{scale}')}")
    return Ablation(figures, assemble(backbone, template))


def _changed(part: RepGFPN | ZeroHead, changes: Mapping[str, object]) -> dict[str, object]:
    return {**asdict(part), **changes}
