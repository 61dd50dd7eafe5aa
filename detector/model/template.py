"""Detector templates: the neck, head, input size and depth of a scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from maenas.blocks.errors import SpecError, positive
from maenas.blocks.files.strict import parse
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.files.yaml_file import read_yaml
from maenas.blocks.op import Op, Shape
from maenas.detector.model.rep_gfpn import RepGFPN
from maenas.detector.model.zero_head import ZeroHead

FORMAT = "maenas/template@1"


@dataclass(frozen=True, slots=True)
class Template:
    """The parts of a detector around the backbone, as published for one scale.

    Attributes:
        name: scale, "t" to "l" and "ns" to "nl".
        in_shape: (channels, height, width) of the input.
        layers: maximum number of layers in a backbone of this scale.
        space: search space of the published backbone.
        neck: neck of the scale.
        head: head of the scale.
    """

    name: str
    in_shape: Shape
    layers: int
    space: str
    neck: RepGFPN
    head: ZeroHead

    def __post_init__(self) -> None:
        positive("template", layers=self.layers)

    def with_classes(self, num_classes: int | None) -> Template:
        """The template for another number of classes; unchanged if None."""
        if num_classes is None:
            return self
        return replace(self, head=replace(self.head, num_classes=num_classes))

    def ops(self, features: Sequence[Shape]) -> tuple[Op, ...]:
        """The deployed operators of neck and head for backbone features (C3, C4, C5).

        Raises:
            SpecError: if the features do not fit the neck.
        """
        levels = self.neck.out_shapes(features)
        return (*self.neck.ops(features), *self.head.ops(levels))


def load_template(name: str) -> Template:
    """The template of a scale.

    Raises:
        SpecError: for a scale that does not exist.
    """
    if name not in template_names():
        raise SpecError(f"template: no scale {name!r}{did_you_mean(name, template_names())}")
    path = Path(str(files("maenas.detector.model.templates") / f"{name}.yaml"))
    data = read_yaml(path, FORMAT)
    data["neck"] = parse(RepGFPN, data.get("neck"), f"{path}: neck")
    data["head"] = parse(ZeroHead, data.get("head"), f"{path}: head")
    return parse(Template, {**data, "name": name}, str(path))


def template_names() -> list[str]:
    """The scales, smallest first."""
    return ["ns", "nm", "nl", "t", "s", "m", "l"]
