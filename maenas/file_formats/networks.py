"""Schemas of files that describe networks, search spaces, scores and recipes."""

from __future__ import annotations

from maenas.blocks import Backbone, Block
from maenas.blocks.backbone import BLOCKS
from maenas.blocks.backbone_file import FORMAT as BACKBONE
from maenas.blocks.backbone_file import OLDER_FORMATS, Metadata, ScoreSpec
from maenas.blocks.files.schema import Schema, schema_of, with_keys
from maenas.detector.model.rep_gfpn import RepGFPN
from maenas.detector.model.spec import FORMAT as DETECTOR
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.model.template import FORMAT as TEMPLATE
from maenas.detector.model.template import Template
from maenas.detector.model.zero_head import ZeroHead
from maenas.nas.scores.load import FORMAT as SCORE
from maenas.nas.scores.load import SCORES, ScoreFile
from maenas.search_spaces.space import FORMAT as SPACE
from maenas.search_spaces.space import SpaceFile
from maenas.search_spaces.stage_file import ALTERNATIVES, ValueRange


def formatted(schema: Schema, *formats: str) -> Schema:
    """The schema of a file whose line `format` must have one of these values."""
    return with_keys(schema, {"format": {"enum": list(formats)}}, ["format"])


def backbone_schema() -> Schema:
    """Schema of a backbone file; the older format holds only the network."""
    metadata = schema_of(Metadata, {"score": nullable(schema_of(ScoreSpec))})
    network = backbone_part()
    made = {**network, "properties": {**network["properties"], **metadata["properties"]}}
    return {
        **formatted(made, BACKBONE, *OLDER_FORMATS),
        "if": {"properties": {"format": {"enum": list(OLDER_FORMATS)}}},
        "then": {"properties": dict.fromkeys(metadata["properties"], False)},
    }


def backbone_part() -> Schema:
    """Schema of a network, without the line `format`."""
    stages = {"type": "array", "items": one_by_key("block", block_schemas())}
    return schema_of(Backbone, {"stages": stages})


def block_schemas() -> dict[str, Schema]:
    """Schema of the fields of each block, the blocks of plugins included."""
    return {kind: schema_of(block) for kind, block in BLOCKS.items()}


def detector_schema() -> Schema:
    """Schema of `detector.yaml`."""
    parts = {
        "backbone": backbone_part(),
        "neck": schema_of(RepGFPN),
        "head": schema_of(ZeroHead),
    }
    return formatted(schema_of(DetectorSpec, parts), DETECTOR)


def template_schema() -> Schema:
    """Schema of a template; its name is that of its file."""
    made = schema_of(Template, {"neck": schema_of(RepGFPN), "head": schema_of(ZeroHead)})
    del made["properties"]["name"]
    made["required"].remove("name")
    return formatted(made, TEMPLATE)


def space_schema() -> Schema:
    """Schema of a search space: each field of a block has one value or several."""
    blocks = {kind: stage_space(block) for kind, block in BLOCKS.items()}
    one = one_by_key("block", blocks)
    stages = {
        "type": "array",
        "items": {"if": {"required": [ALTERNATIVES]}, "then": any_of(blocks), "else": one},
    }
    return formatted(schema_of(SpaceFile, {"stages": stages}), SPACE)


def any_of(blocks: dict[str, Schema]) -> Schema:
    """Schema of a stage with a choice of blocks; fields beside the list are those of all blocks."""
    shared: Schema = {}
    for block in blocks.values():
        for name, one in block["properties"].items():
            kinds = shared.setdefault(name, {"anyOf": []})["anyOf"]
            if one not in kinds:
                kinds.append(one)
    optional = {kind: {**block, "required": []} for kind, block in blocks.items()}
    listed = {"type": "array", "items": one_by_key("block", optional), "minItems": 2}
    needed = sorted({name for block in blocks.values() for name in block.get("required", ())})
    return {
        "type": "object",
        "required": [ALTERNATIVES],
        "properties": {ALTERNATIVES: listed, **shared},
        "additionalProperties": False,
        "allOf": [_required_in_items(name, blocks) for name in needed],
    }


def _required_in_items(name: str, blocks: dict[str, Schema]) -> Schema:
    """Schema in which a field that is not given for all blocks is given in each that needs it."""
    kinds = [kind for kind, block in blocks.items() if name in block.get("required", ())]
    each = {"if": {"properties": {"block": {"enum": kinds}}}, "then": {"required": [name]}}
    inside = {"properties": {ALTERNATIVES: {"items": each}}}
    return {"if": {"required": [name]}, "else": inside}


def stage_space(block: type[Block]) -> Schema:
    """Schema of the fields of a block, each with one value, a list of values or a range."""
    made = schema_of(block)
    for name, one in made["properties"].items():
        notes = {key: one[key] for key in ("description", "default") if key in one}
        kind = {key: value for key, value in one.items() if key not in notes}
        several: Schema = {"type": "array", "items": kind, "minItems": 1}
        kinds = [kind, several]
        if name == "stride":  # cannot vary
            several["maxItems"] = 1
        if one.get("type") in ("integer", "number"):
            steps = {"min": kind, "step": kind} if one["type"] == "integer" else {}
            kinds.append(schema_of(ValueRange, steps))
        made["properties"][name] = {"anyOf": kinds, **notes}
    return made


def score_schema() -> Schema:
    """Schema of a score file; the options depend on the score."""
    made = formatted(schema_of(ScoreFile), SCORE)
    made["properties"]["name"] = {
        **made["properties"]["name"],
        "anyOf": [{"enum": list(SCORES)}, {"pattern": ":"}],
    }
    made["allOf"] = [
        {
            "if": {"properties": {"name": {"const": name}}},
            "then": {"properties": {"options": without(schema_of(score), "weights")}},
        }
        for name, score in SCORES.items()
    ]
    return made


def recipe_schema() -> Schema:
    """Schema of a training recipe."""
    from maenas.detector.train.recipe import FORMAT

    return formatted(recipe_part(), FORMAT)


def recipe_part() -> Schema:
    """Schema of a recipe without the line `format`."""
    from maenas.detector.assign.load import ASSIGNERS
    from maenas.detector.train.recipe import SECTIONS, Recipe

    parts = {name: schema_of(section) for name, section in SECTIONS.items()}
    parts["augmentation"] = without(parts["augmentation"], "resize")
    parts["assigner"] = one_by_key(
        "name", {name: schema_of(assigner) for name, assigner in ASSIGNERS.items()}
    )
    return schema_of(Recipe, parts)


def one_by_key(key: str, schemas: dict[str, Schema]) -> Schema:
    """Schema of a mapping whose key names one of several kinds."""
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"enum": list(schemas)}},
        "oneOf": [
            with_keys(schema, {key: {"const": name}}, [key]) for name, schema in schemas.items()
        ],
    }


def without(schema: Schema, name: str) -> Schema:
    """A schema without one of its keys."""
    properties = {key: value for key, value in schema["properties"].items() if key != name}
    return {**schema, "properties": properties}


def nullable(schema: Schema) -> Schema:
    """A schema that also allows null."""
    return {"anyOf": [schema, {"type": "null"}]}
