"""Validation of data against the schemas that `maenas schema` prints."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from maenas.file_formats.formats import FORMATS


@cache
def validator(name: str) -> Draft202012Validator:
    """A validator for a format; its schema is itself checked once."""
    schema = FORMATS[name].schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def errors_in(name: str, data: Any) -> list[str]:
    """What a schema refuses in plain data."""
    return [
        f"{error.json_path}: {error.message[:300]}" for error in validator(name).iter_errors(data)
    ]
