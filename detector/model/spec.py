"""The spec of a detector: backbone, neck, head and class names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maenas.blocks import Backbone, Op, SpecError
from maenas.blocks.backbone_file import backbone_lines, parse_backbone
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.dump import changed_fields, flow
from maenas.blocks.files.strict import parse
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.files.yaml_file import read_yaml
from maenas.detector.channels import COLOURS, KNOWN
from maenas.detector.input_size import size_error
from maenas.detector.model.rep_gfpn import RepGFPN
from maenas.detector.model.template import Template
from maenas.detector.model.zero_head import ZeroHead

if TYPE_CHECKING:
    from maenas.detector.model.layers.network import DetectorNetwork

FORMAT = "maenas/detector@1"
KEYS = ("backbone", "neck", "head", "names", "resize")
LATER_DEFAULTS = (", one_to_one=False", ", 'one_to_one': False")
Resize = Literal["letterbox", "stretch"]


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """The spec of a complete detector.

    Attributes:
        backbone: backbone with three feature maps at strides 8, 16 and 32.
        neck: neck that fuses the feature maps.
        head: head that predicts class scores and boxes on each level.
        names: names of the classes, in the order of their scores; () if they have none.
        resize: method that resizes an image to the input size: "letterbox" keeps the aspect ratio
            and pads, "stretch" changes the aspect ratio. Official weights were trained with
            "stretch".
    Raises:
        SpecError: if the backbone reads neither three channels nor one, if its feature maps do not
            fit the image or the neck, or if the names are not one per class, all different.
    """

    backbone: Backbone
    neck: RepGFPN
    head: ZeroHead
    names: tuple[str, ...] = ()
    resize: Resize = "letterbox"

    def __post_init__(self) -> None:
        if self.backbone.in_shape[0] not in COLOURS:
            raise SpecError(
                f"backbone.in_shape: a detector reads images of {KNOWN}, "
                f"got {list(self.backbone.in_shape)}."
            )
        self._check_sizes()
        self.neck.nodes([shape[0] for shape in self.backbone.feature_shapes()])
        if self.names and len(self.names) != self.head.num_classes:
            raise SpecError(
                f"names: must be one per class ({self.head.num_classes}), got {len(self.names)}."
            )
        for index, name in enumerate(self.names):
            if not name.strip():
                raise SpecError(f"names[{index}]: must not be empty, got {name!r}.")
            if not name.isprintable():
                raise SpecError(
                    f"names[{index}]: holds a character that cannot be printed: {name!r}."
                )
            if name in self.names[:index]:
                raise SpecError(f"names: must differ, got {name!r} more than once.")

    def _check_sizes(self) -> None:
        """Raise `SpecError` unless each feature map is the image divided by a stride.

        The image comes first: its size is what a user chose, that of the feature maps follows.
        """
        coarsest = max(self.backbone.reductions())
        if any(side % coarsest for side in self.backbone.in_shape[1:]):
            _, height, width = self.backbone.in_shape
            above = (-(-height // coarsest) * coarsest, -(-width // coarsest) * coarsest)
            exact = above[0] == height, above[1] == width
            raise size_error("backbone.in_shape", coarsest, above, exact, f"{height}x{width}")
        self.neck.out_shapes(self.backbone.feature_shapes())

    @property
    def is_nano(self) -> bool:
        """Whether the detector is a nano model (Ns, Nm, Nl), which has a depthwise neck."""
        return self.neck.depthwise

    def ops(self) -> tuple[Op, ...]:
        """All deployed operators in order of execution, with decoding and without NMS."""
        features = self.backbone.feature_shapes()
        levels = self.neck.out_shapes(features)
        return (*self.backbone.ops(), *self.neck.ops(features), *self.head.ops(levels))

    def template(self) -> Template:
        """A template with the neck and head of this detector."""
        backbone = self.backbone
        name = "of the detector"
        return Template(name, backbone.in_shape, backbone.layers, "", self.neck, self.head)

    def build(self) -> DetectorNetwork:
        """The trainable network."""
        from maenas.detector.model.layers.network import DetectorNetwork

        return DetectorNetwork(self)


def assemble(
    backbone: Backbone,
    template: Template,
    num_classes: int | None = None,
    names: Sequence[str] = (),
) -> DetectorSpec:
    """The detector of a template with a backbone, whose cost a search computes.

    Args:
        backbone: backbone of the detector.
        template: template with neck and head.
        num_classes: number of classes; the template's if None.
        names: names of the classes; () if they have none.
    """
    head = template.head
    if num_classes is not None:
        head = replace(head, num_classes=num_classes)
    return DetectorSpec(backbone, template.neck, head, tuple(names))


def identity_text(value: object) -> str:
    """Text of a spec, a template or its fields, for digests that say whether two are equal.

    It leaves out fields that came after the first saved runs while they have their default, so that
    these runs can still be continued.
    """
    text = repr(value)
    for default in LATER_DEFAULTS:
        text = text.replace(default, "")
    return text


def load_detector(path: Path) -> DetectorSpec:
    """A detector from a YAML file.

    Raises:
        SpecError: if the file is invalid, with file, key and cause.
    """
    data = read_yaml(path, FORMAT)
    for key in data:
        if key not in KEYS:
            raise SpecError(f"{path}: {key}: no such field{did_you_mean(str(key), KEYS)}")
    for key in ("backbone", "neck", "head"):
        if not isinstance(data.get(key), dict):
            raise SpecError(f"{path}: {key}: must be a mapping of keys.")
    backbone = parse_backbone(data["backbone"], f"{path}: backbone")
    neck = parse(RepGFPN, data["neck"], f"{path}: neck")
    head = parse(ZeroHead, data["head"], f"{path}: head")
    return parse(
        DetectorSpec, {**data, "backbone": backbone, "neck": neck, "head": head}, str(path)
    )


def dump_detector(spec: DetectorSpec, path: Path, receipt: Sequence[str] = ()) -> None:
    """Write a detector as YAML, atomically, with the lines of `receipt` as comments at the top."""
    lines = [f"# {line}".rstrip() for text in receipt for line in text.splitlines() or [""]]
    lines += [f"format: {FORMAT}", "backbone:"]
    lines += [f"  {line}" for line in backbone_lines(spec.backbone)]
    lines += [
        f"neck: {flow(changed_fields(spec.neck))}",
        f"head: {flow(changed_fields(spec.head))}",
    ]
    if spec.names:
        lines.append(f"names: {flow_list(spec.names)}")
    if spec.resize != "letterbox":
        lines.append(f"resize: {spec.resize}")
    write_text(path, "\n".join(lines) + "\n")


def flow_list(names: Sequence[str]) -> str:
    """Class names as a YAML list on one line."""
    return flow({"names": list(names)}).removeprefix("{names: ").removesuffix("}")
