"""Build a detector around a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from maenas.budgets import LatencyModel
    from maenas.detector.model.spec import DetectorSpec

SCHEMA = "maenas/build-detector@1"
DEFAULT_CLASSES = 80  # of COCO


def report(
    detector: DetectorSpec, template: str, path: Path, device: LatencyModel
) -> dict[str, Any]:
    """What the detector is made of and costs, part by part."""
    from maenas.budgets import cost

    features = detector.backbone.feature_shapes()
    levels = detector.neck.out_shapes(features)
    parts = {
        "backbone": detector.backbone.ops(),
        "neck": tuple(detector.neck.ops(features)),
        "head": tuple(detector.head.ops(levels)),
        "total": detector.ops(),
    }
    costs = {}
    for name, ops in parts.items():
        price = cost(ops, device)
        costs[name] = {
            "params": price.params,
            "macs": price.macs,
            "gflops": 2 * price.macs / 1e9,
            "latency_ms": price.latency_ms,
        }
    return {
        "schema": SCHEMA,
        "spec": str(path),
        "template": template,
        "in_shape": list(detector.backbone.in_shape),
        "num_classes": detector.head.num_classes,
        "names": list(detector.names),
        "device": device.device,
        "latency_kind": device.claim,
        "latency_about": device.about,
        **costs["total"],
        "parts": costs,
    }


def table(result: dict[str, Any]) -> Table:
    """The costs for people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shape = "x".join(map(str, result["in_shape"][1:]))
    drawn = Table(
        title=f"{result['num_classes']} classes, {shape}, template {result['template']}",
        box=SIMPLE_HEAD,
    )
    for name in ("part", "params M", "GMACs", "GFLOPs", "ms", "%"):
        drawn.add_column(name, justify="left" if name == "part" else "right")
    total = result["parts"]["total"]["latency_ms"]
    for name, part in result["parts"].items():
        drawn.add_row(
            name,
            f"{part['params'] / 1e6:.3f}",
            f"{part['macs'] / 1e9:.3f}",
            f"{part['gflops']:.2f}",
            f"{part['latency_ms']:.3f}",
            f"{100 * part['latency_ms'] / total:.1f}",
        )
    return drawn
