"""JSON Schemas of dataclasses, from the models that `parse` validates files with."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Annotated, Any

from pydantic import TypeAdapter, WithJsonSchema

from maenas.blocks.files.strict import fields_model

Schema = dict[str, Any]
# "name: description", and the lines that continue it, in the section "Attributes:".
ENTRY = re.compile(r"^    (\w+): (.+(?:\n {8,}\S.*)*)", re.MULTILINE)


def schema_of(cls: Any, parts: Mapping[str, Schema] | None = None) -> Schema:
    """The schema of the mapping from which `parse` makes a dataclass.

    Args:
        cls: dataclass.
        parts: schemas of the fields whose values have a reader of their own.
    """
    parts = parts or {}
    types = {name: Annotated[Any, WithJsonSchema(dict(part))] for name, part in parts.items()}
    made = plain(fields_model(cls, types).model_json_schema())
    describe(made, cls)
    for field in fields(cls):
        known = made["properties"].get(field.name)
        if known is None or field.default is MISSING:
            continue
        if field.default is None or isinstance(field.default, bool | int | float | str):
            known["default"] = field.default
    made.pop("type")
    return {"type": "object", "description": summary(cls), **made}


def typed_schema(kind: Any) -> Schema:
    """The schema of a type, such as a `TypedDict` of plain data that a command writes."""
    made: Schema = plain(TypeAdapter(kind).json_schema())
    return made


def describe(schema: Schema, cls: Any) -> None:
    """Add the descriptions of the attributes of a class to the properties of a schema."""
    for name, text in ENTRY.findall((inspect.getdoc(cls) or "").partition("Attributes:\n")[2]):
        if name in schema.get("properties", {}):
            schema["properties"][name]["description"] = " ".join(text.split())


def summary(cls: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())


def plain(schema: Any) -> Any:
    """A schema without the titles and the defaults that pydantic adds."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: plain(each) for name, each in value.items()}
        if key in ("properties", "$defs")
        else plain(value)
        for key, value in schema.items()
        if key not in ("title", "default", "description") or key == "const"
    }


def with_keys(schema: Schema, keys: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    """A schema of a mapping with further keys, in front of its own."""
    return {
        **schema,
        "properties": {**keys, **schema["properties"]},
        "required": [*required, *schema.get("required", ())],
    }
