"""Build a detector around a backbone: its parts and their costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maenas.budgets import Cost, LatencyModel
    from maenas.detector.checkpoints.inherit import Inheritance
    from maenas.detector.model.spec import DetectorSpec

SCHEMA = "maenas/build-detector@1"
DEFAULT_CLASSES = 80  # as in COCO


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A detector that was written into a folder, without weights unless it inherits some.

    Attributes:
        spec: the detector as data.
        path: file of the spec, `detector.yaml` in the folder.
        template: scale of neck and head.
        device: latency model that the costs are predicted with.
        costs: cost of "backbone", "neck", "head" and "total".
        inheritance: weights that were mapped from another detector; None without weights.
    """

    spec: DetectorSpec
    path: Path
    template: str
    device: LatencyModel
    costs: Mapping[str, Cost]
    inheritance: Inheritance | None = None

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
            "head": self.spec.head.kind,
            "names": list(self.spec.names),
            "device": self.device.device,
            "latency_kind": self.device.claim,
            "latency_about": self.device.about,
            "inherited": None if self.inheritance is None else self.inheritance.counts(),
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


def inherits_all(inheritance: Inheritance, spec: DetectorSpec) -> bool:
    """Whether a detector gives the outputs of the one that it inherits from, for its classes."""
    from maenas.detector.train.start import common_classes, keeps_all

    source = inheritance.spec
    if not inheritance.is_exact or spec == source:
        return inheritance.is_exact
    is_part = len(common_classes(source.names, spec.names)) == len(spec.names)
    return is_part or keeps_all(source, spec.names)


def for_classes(
    inheritance: Inheritance, names: tuple[str, ...], num_classes: int | None
) -> tuple[Inheritance, list[str]]:
    """Inherited weights of a detector with its own classes if it names some, and messages.

    Raises:
        SpecError: if a number of classes is given without their names.
    """
    from maenas.blocks import SpecError
    from maenas.detector.train.start import keeps_all, starting_network, with_classes

    spec, where = inheritance.spec, inheritance.where
    if names:
        network, notes = starting_network(spec, names, inheritance.weights, 0, where)
        said = [] if keeps_all(spec, names) else notes
        return with_classes(inheritance, names, network), said
    if num_classes not in (None, spec.head.num_classes):
        raise SpecError(
            f"--num-classes {num_classes}: {where} has {spec.head.num_classes} "
            "classes; with --init, give --names, by which classes are kept."
        )
    return inheritance, []
