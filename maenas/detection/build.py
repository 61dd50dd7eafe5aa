"""Build a detector around a backbone: its parts and their costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maenas.budgets import Cost, LatencyModel
    from maenas.detector.model.spec import DetectorSpec

SCHEMA = "maenas/build-detector@1"
DEFAULT_CLASSES = 80  # as in COCO


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A detector that was written into a folder, without weights.

    Attributes:
        spec: the detector as data.
        path: file of the spec, `detector.yaml` in the folder.
        template: scale of neck and head.
        device: latency model that the costs are predicted with.
        costs: cost of "backbone", "neck", "head" and "total".
    """

    spec: DetectorSpec
    path: Path
    template: str
    device: LatencyModel
    costs: Mapping[str, Cost]

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        parts = {
            name: {
                "params": price.params,
                "macs": price.macs,
                "gflops": 2 * price.macs / 1e9,
                "latency_ms": price.latency_ms,
            }
            for name, price in self.costs.items()
        }
        return {
            "schema": SCHEMA,
            "spec": str(self.path),
            "template": self.template,
            "in_shape": list(self.spec.backbone.in_shape),
            "num_classes": self.spec.head.num_classes,
            "names": list(self.spec.names),
            "device": self.device.device,
            "latency_kind": self.device.claim,
            "latency_about": self.device.about,
            **parts["total"],
            "parts": parts,
        }


def costs_of(spec: DetectorSpec, device: LatencyModel) -> dict[str, Cost]:
    """The cost of each part of a detector and of the whole."""
    from maenas.budgets import cost

    features = spec.backbone.feature_shapes()
    levels = spec.neck.out_shapes(features)
    parts = {
        "backbone": spec.backbone.ops(),
        "neck": tuple(spec.neck.ops(features)),
        "head": tuple(spec.head.ops(levels)),
        "total": spec.ops(),
    }
    return {name: cost(ops, device) for name, ops in parts.items()}
