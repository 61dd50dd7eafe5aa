"""Backbones as YAML files: the network, and the metadata that later commands need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.resources import files
from math import inf
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
OLDER_FORMATS = ("maenas/backbone@1",)  # also readable; holds only the network
Fact = str | int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSpec:
    """The score that a backbone was searched with.

    Attributes:
        name: name of the score.
        weights: weights of the resolution levels.
        options: further options of the score; None if there are none.
    """

    name: str
    weights: tuple[float, ...]
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Information on a backbone that later commands need in addition to the network.

    Attributes:
        template: scale of neck and head for this backbone, or a file as for `device`; None for a
            backbone alone.
        device: target device, or file of a latency table, by its path from the folder of the spec;
            None if unknown.
        num_classes: number of classes of the detector that was priced; None if unknown.
        score: score of the search; None if the backbone was not searched.
        provenance: facts about the search, by name; for readers only, no command uses them.
        limits_ms: latency limits in milliseconds by device, as for `device`; empty unless several
            are limited.
    """

    template: str | None = None
    device: str | None = None
    num_classes: int | None = None
    score: ScoreSpec | None = None
    provenance: Mapping[str, Fact] = field(default_factory=dict)
    limits_ms: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.num_classes is not None:
            positive("metadata", num_classes=self.num_classes)
        for device, limit in self.limits_ms.items():
            if not 0 < limit < inf:
                raise SpecError(f"limits_ms: {device}: must be a positive number, got {limit}.")


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """The content of a backbone file.

    Attributes:
        backbone: network in the file.
        metadata: metadata of the network.
        format: format version of the file.
    """

    backbone: Backbone
    metadata: Metadata
    format: str = FORMAT


def load_backbone(name: str | Path) -> Backbone:
    """A backbone from a YAML file, or from the zoo as "zoo:NAME".

    Raises:
        SpecError: if the file cannot be used or the zoo name is unknown; names file, key and cause.
    """
    return load_spec(name).backbone


def load_spec(name: str | Path) -> BackboneSpec:
    """The content of a backbone file; raises the errors of `load_backbone`."""
    path = zoo_path(str(name)) if str(name).startswith("zoo:") else Path(name)
    data, version = read_versioned(path, (FORMAT, *OLDER_FORMATS))
    metadata = Metadata() if version in OLDER_FORMATS else _taken_metadata(data, str(path))
    return BackboneSpec(parse_backbone(data, str(path)), metadata, version)


def _taken_metadata(data: dict[str, Any], where: str) -> Metadata:
    """The metadata in the plain data of a file; removes their keys from it."""
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
    """A stage from plain data, whose key `block` names the class."""
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
    """Write a backbone to a YAML file in one step.

    Args:
        backbone: network to write.
        path: path of the file.
        receipt: comment lines at the beginning of the file.
        metadata: metadata of the network for later commands.
    Raises:
        SpecError: if the file cannot be written.
    """
    write_text(path, backbone_text(backbone, receipt, metadata))


def backbone_text(
    backbone: Backbone, receipt: Sequence[str] = (), metadata: Metadata | None = None
) -> str:
    """The YAML form of a backbone, without default values."""
    lines = [f"# {line}".rstrip() for text in receipt for line in text.splitlines() or [""]]
    lines += [f"format: {FORMAT}", *backbone_lines(backbone)]
    return "\n".join(lines) + "\n" + metadata_text(metadata or Metadata())


def metadata_text(metadata: Metadata) -> str:
    """The lines of a file for the metadata of a backbone; empty if there is none."""
    text = ""
    for key, value in changed_fields(metadata).items():
        if isinstance(value, ScoreSpec):
            text += f"{key}: {flow(changed_fields(value))}\n"
        elif value:
            plain = dict(value) if isinstance(value, Mapping) else value
            text += yaml.safe_dump({key: plain}, sort_keys=False, width=10_000)
    return text


def backbone_lines(backbone: Backbone) -> list[str]:
    """The lines of the YAML form without `format`, for use in other files."""
    return [
        f"in_shape: {list(backbone.in_shape)}",
        "stages:",
        *(f"  - {flow(block_data(stage))}" for stage in backbone.stages),
        f"features: {list(backbone.features)}",
    ]


def block_data(block: Block) -> dict[str, object]:
    """A block as plain data, without default values."""
    return {"block": block.kind, **changed_fields(block)}


def zoo_names() -> list[str]:
    """Names of the published backbones, usable as "zoo:NAME"."""
    return sorted(
        path.name.removesuffix(".yaml")
        for path in files("maenas.blocks.zoo").iterdir()
        if path.name.endswith(".yaml")
    )


def zoo_path(name: str) -> Path:
    """Path of the file of a published backbone."""
    bare = name.removeprefix("zoo:")
    if bare not in zoo_names():
        raise SpecError(f"zoo: no model named {bare!r}{did_you_mean(bare, zoo_names())}")
    return Path(str(files("maenas.blocks.zoo") / f"{bare}.yaml"))
