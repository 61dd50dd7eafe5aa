"""Detector templates: the neck, head, input size and depth of a scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from maenas.blocks.errors import SpecError, positive
from maenas.blocks.files.strict import parse
from maenas.blocks.files.suffixes import is_yaml
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.files.yaml_file import read_yaml
from maenas.blocks.op import Op, Shape
from maenas.detector.model.rep_gfpn import RepGFPN
from maenas.detector.model.zero_head import ZeroHead

FORMAT = "maenas/template@1"


@dataclass(frozen=True, slots=True)
class Template:
    """The parts of a detector around the backbone, for one scale.

    Attributes:
        name: scale: "t" to "l" and "ns" to "nl" as published, "cn" and "cs" for CPUs; the path of
            a file of the user's own.
        in_shape: (channels, height, width) of the input.
        layers: maximum number of layers in a backbone of this scale.
        space: search space of the backbones of this scale.
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
    """The template of a scale, or the template in a file.

    Args:
        name: scale, or path of a `.yaml` file.
    Raises:
        SpecError: for a scale that does not exist, or a file that cannot be used.
    """
    if name in bundled_templates():
        path = Path(str(files("maenas.detector.model.templates") / f"{name}.yaml"))
    elif is_yaml(name):
        path = Path(name)
    else:
        raise SpecError(
            f"template: no scale {name!r}{did_you_mean(name, bundled_templates())}; "
            "a file of your own ends in .yaml."
        )
    data = read_yaml(path, FORMAT)
    if "name" in data:
        raise SpecError(f"{path}: name: no such field; the name of a template is that of its file.")
    data["neck"] = parse(RepGFPN, data.get("neck"), f"{path}: neck")
    data["head"] = parse(ZeroHead, data.get("head"), f"{path}: head")
    return parse(Template, {**data, "name": name}, str(path))


def template_names() -> list[str]:
    """The published scales, smallest first."""
    return ["ns", "nm", "nl", "t", "s", "m", "l"]


def bundled_templates() -> list[str]:
    """All scales that can be named: the published ones, then those for CPUs."""
    return [*template_names(), "cn", "cs"]
