"""Schema of the file of a union of data sets."""

from __future__ import annotations

from maenas.blocks.files.schema import Schema, schema_of, with_keys
from maenas.detector.data.readers.values import LONGEST_NAME
from maenas.detector.data.union.label_union import PUBLISHED, label_union
from maenas.detector.data.union.union_file import (
    FORMAT,
    IGNORE,
    MOST_SOURCES,
    SPLIT,
    UnionFile,
    UnionSource,
)


def union_schema() -> Schema:
    """Schema of `union.yaml`; classes may be named by numbers, as in a `data.yaml`."""
    name = {"type": ["string", "number"], "minLength": 1, "maxLength": LONGEST_NAME}
    target = {
        "description": f"class of the union, `{IGNORE}`, `{SPLIT}`, or the classes that it may be.",
        "anyOf": [name, {"type": "array", "items": name, "minItems": 1, "uniqueItems": True}],
    }
    columns = sorted({column for each in PUBLISHED for column in label_union(each).columns})
    source = schema_of(
        UnionSource,
        {
            "data": {"type": "string", "minLength": 1},
            "classes": {"type": "object", "additionalProperties": target},
            "labels": {"enum": [*columns, ""]},
        },
    )
    made = schema_of(
        UnionFile,
        {
            "sources": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": MOST_SOURCES,
                "additionalProperties": source,
            },
            "names": {"type": "array", "items": name, "uniqueItems": True},
            "labels": {"enum": [*PUBLISHED, ""]},
        },
    )
    return with_keys(made, {"format": {"const": FORMAT}}, ["format"])
