"""Backbones as YAML files: the network, and what later commands need to know of its search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from maenas.blocks.backbone import Backbone, block_class
from maenas.blocks.block import Block
from maenas.blocks.errors import SpecError, positive
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.dump import changed_fields, flow
from maenas.blocks.files.strict import parse
from maenas.blocks.files.words import did_you_mean, name_of
from maenas.blocks.files.yaml_file import read_versioned

FORMAT = "maenas/backbone@2"
OLDER_FORMATS = ("maenas/backbone@1",)  # read as well: the network alone
Fact = str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSpec:
    """The score that a backbone was searched with.

    Attributes:
        name: name of the score.
        weights: weights of the resolution levels.
        options: further options of the score; None for none.
    """

    name: str
    weights: tuple[float, ...]
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What later commands need to know of a backbone, beside the network itself.

    Attributes:
        template: scale of neck and head that it is meant for; None for a backbone alone.
        device: device, or file of a latency table, that it is meant for; None if unknown.
        num_classes: number of classes of the detector that was priced; None if unknown.
        score: score that it was searched with; None if it was not searched.
        provenance: how it was found, by name; for people and records, no command depends on it.
    """

    template: str | None = None
    device: str | None = None
    num_classes: int | None = None
    score: ScoreSpec | None = None
    provenance: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.num_classes is not None:
            positive("metadata", num_classes=self.num_classes)


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """What a backbone file holds.

    Attributes:
        backbone: the network.
        metadata: what is known of its purpose.
        format: version of the file.
    """

    backbone: Backbone
    metadata: Metadata
    format: str = FORMAT


def load_backbone(name: str | Path) -> Backbone:
    """A backbone from a YAML file, or from the zoo as "zoo:NAME".

    Raises:
        SpecError: naming file, key and cause; a path that is not a file, an unknown zoo name.
    """
    return load_spec(name).backbone


def load_spec(name: str | Path) -> BackboneSpec:
    """A backbone and what its file says about it; raises as `load_backbone` does."""
    path = zoo_path(str(name)) if str(name).startswith("zoo:") else Path(name)
    data, version = read_versioned(path, (FORMAT, *OLDER_FORMATS))
    metadata = Metadata() if version in OLDER_FORMATS else _taken_metadata(data, str(path))
    return BackboneSpec(parse_backbone(data, str(path)), metadata, version)


def _taken_metadata(data: dict[str, Any], where: str) -> Metadata:
    """The metadata in the plain data of a file, its keys taken off."""
    names = [field.name for field in fields(Metadata)]
    known = [*(field.name for field in fields(Backbone)), *names]
    for key in data:
        if key not in known:
            raise SpecError(f"{where}: {key}: no such field{did_you_mean(str(key), known)}")
    taken = {name: data.pop(name) for name in names if name in data}
    if taken.get("score") is not None:
        taken["score"] = parse(ScoreSpec, taken["score"], f"{where}: score")
    return parse(Metadata, taken, where)


def parse_backbone(data: dict[str, Any], where: str) -> Backbone:
    """A backbone from the plain data of a file; `where` names the file."""
    stages = data.get("stages")
    if not isinstance(stages, list):
        raise SpecError(f"{where}: stages: must be a list of blocks, got {name_of(stages)}.")
    blocks = tuple(
        parse_block(stage, f"{where}: stages[{index}]") for index, stage in enumerate(stages)
    )
    return parse(Backbone, {**data, "stages": blocks}, where)


def parse_block(data: object, where: str) -> Block:
    """One stage, its class named by the key `block`."""
    if not isinstance(data, dict) or "block" not in data:
        raise SpecError(f"{where}: must be a mapping with the key `block`.")
    kind = block_class(data["block"], where)
    return parse(kind, {key: data[key] for key in data if key != "block"}, where)


def dump_backbone(
    backbone: Backbone,
    path: Path,
    receipt: Sequence[str] = (),
    metadata: Metadata | None = None,
) -> None:
    """Write the YAML form, whole or not at all.

    Args:
        backbone: the network.
        path: the file.
        receipt: comments at its beginning, for people alone.
        metadata: what later commands need to know.
    Raises:
        SpecError: if the file cannot be written.
    """
    write_text(path, backbone_text(backbone, receipt, metadata))


def backbone_text(
    backbone: Backbone, receipt: Sequence[str] = (), metadata: Metadata | None = None
) -> str:
    """The YAML form: only what differs from defaults."""
    lines = [f"# {line}".rstrip() for text in receipt for line in text.splitlines() or [""]]
    lines += [f"format: {FORMAT}", *backbone_lines(backbone)]
    return "\n".join(lines) + "\n" + metadata_text(metadata or Metadata())


def metadata_text(metadata: Metadata) -> str:
    """The lines of a file that say what is known of its backbone; none if nothing is."""
    text = ""
    for key, value in changed_fields(metadata).items():
        if isinstance(value, ScoreSpec):
            text += f"{key}: {flow(changed_fields(value))}\n"
        elif value:
            plain = dict(value) if isinstance(value, Mapping) else value
            text += yaml.safe_dump({key: plain}, sort_keys=False, width=10_000)
    return text


def backbone_lines(backbone: Backbone) -> list[str]:
    """The lines of the YAML form without its `format`, as other files hold them."""
    return [
        f"in_shape: {list(backbone.in_shape)}",
        "stages:",
        *(f"  - {flow(block_data(stage))}" for stage in backbone.stages),
        f"features: {list(backbone.features)}",
    ]


def block_data(block: Block) -> dict[str, object]:
    """A block as plain data, defaults left out."""
    return {"block": block.kind, **changed_fields(block)}


def zoo_names() -> list[str]:
    """Names of the published backbones, usable as "zoo:NAME"."""
    return sorted(
        path.name.removesuffix(".yaml")
        for path in files("maenas.blocks.zoo").iterdir()
        if path.name.endswith(".yaml")
    )


def zoo_path(name: str) -> Path:
    """File of a published backbone."""
    bare = name.removeprefix("zoo:")
    if bare not in zoo_names():
        raise SpecError(f"zoo: no model named {bare!r}{did_you_mean(bare, zoo_names())}")
    return Path(str(files("maenas.blocks.zoo") / f"{bare}.yaml"))
