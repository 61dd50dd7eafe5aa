"""Schemas of a data set's `data.yaml` and of the description in an exported model."""

from __future__ import annotations

from maenas.blocks.files.inside import LONGEST_NAME as LONGEST_PART
from maenas.blocks.files.schema import Schema, schema_of
from maenas.detector.data.paths import MOST_CLASSES
from maenas.detector.data.readers.published.openimages import EXPAND
from maenas.detector.data.readers.read import READERS
from maenas.detector.data.readers.source import SPLITS
from maenas.detector.data.readers.values import LONGEST_NAME
from maenas.detector.data.readers.yolo.rows import KEY, KINDS
from maenas.detector.runtimes.metadata import FORMAT, NOT_TEXT, Metadata

WHOLE: Schema = {"type": ["integer", "string"], "pattern": r"^\s*-?\d+\s*$"}


def data_schema() -> Schema:
    """Schema of `data.yaml`; keys of other programs are allowed and ignored."""
    path = {"type": "string", "minLength": 1}
    split = {"anyOf": [path, {"type": "array", "items": path, "minItems": 1}, {"type": "null"}]}
    class_name = {"type": ["string", "number"], "minLength": 1, "maxLength": LONGEST_NAME}
    names = {
        "description": "names of the classes, as a list or by their number.",
        "anyOf": [
            {"type": "array", "items": class_name, "minItems": 1},
            {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": WHOLE["pattern"]},
                "additionalProperties": class_name,
            },
            {"type": "null"},
        ],
    }
    count = {
        **WHOLE,
        "type": ["integer", "string", "null"],
        "minimum": 1,
        "maximum": MOST_CLASSES,
        "description": "number of classes, where they have no names.",
    }
    return {
        "type": "object",
        "description": "A data set: its images, their labels and the names of its classes.",
        "properties": {
            "path": {
                "type": ["string", "null"],
                "description": "folder that the other paths are relative to; parts of at most "
                f"{LONGEST_PART} bytes.",
            },
            **{
                name: {**split, "description": f"folders, lists or COCO files of the split {name}."}
                for name in SPLITS
            },
            "names": names,
            "nc": count,
            "format": {
                "enum": [*READERS, None],
                "description": "reader of the labels; found by itself if left out.",
            },
            KEY: {
                "enum": [*KINDS, None],
                "description": "kind of the rows in label files; found by itself if left out.",
            },
            EXPAND: {
                "type": "boolean",
                "description": "whether boxes of OpenImages are copied to the classes above.",
            },
            "kpt_shape": {
                "description": "number of keypoints, and of values each.",
                "anyOf": [
                    {
                        "type": "array",
                        "prefixItems": [WHOLE, {"enum": [2, 3, "2", "3"]}],
                        "minItems": 2,
                        "maxItems": 2,
                    },
                    {"type": "null"},
                ],
            },
        },
    }


def model_schema() -> Schema:
    """Schema of the texts in an exported model: values of other types are written as JSON."""
    made = schema_of(Metadata)
    for name, one in made["properties"].items():
        if name in NOT_TEXT:
            note = one.get("description", "")
            made["properties"][name] = {
                "type": "string",
                "description": note,
                "contentMediaType": "application/json",
                "contentSchema": one,
            }
    made["properties"] = {"format": {"const": FORMAT}, **made["properties"]}
    made["required"] = ["format", *made["required"]]
    made["additionalProperties"] = {"type": "string"}  # keys of other programs
    return made
