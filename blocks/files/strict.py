"""Strict parsing of plain data to dataclasses: unknown keys and wrong types are errors."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails

from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import cut, did_you_mean, name_of, shown

T = TypeVar("T")


def parse(cls: type[T], data: object, where: str) -> T:
    """A dataclass instance from plain data.

    Args:
        cls: dataclass whose fields and types are the schema.
        data: content of the file; lists stand for tuples.
        where: file and key of `data`, for the message.
    Raises:
        SpecError: if a key or value is wrong; names the key, what it must be, the value found, and
            the nearest known key.
    """
    if not isinstance(data, Mapping):
        raise SpecError(f"{where}: must be a mapping of keys, got {name_of(data)}.")
    try:
        checked = _schema(cast(Hashable, cls)).model_validate(_tuples(data))
    except ValidationError as error:
        # A mistyped key causes two errors, unknown and missing; the first is more helpful.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise SpecError(_explain(cls, first, where)) from None
    try:
        return cls(**{name: getattr(checked, name) for name in checked.model_fields_set})
    except SpecError as error:
        section = where.rpartition(": ")[2]  # the dataclass may name it too
        raise SpecError(f"{where}: {str(error).removeprefix(f'{section}: ')}") from None


@cache
def _schema(cls: Any) -> type[BaseModel]:
    """The fields of a dataclass as a strict pydantic model."""
    return fields_model(cls, {})


def fields_model(cls: Any, types: Mapping[str, Any]) -> type[BaseModel]:
    """The fields of a dataclass as a strict pydantic model, which `parse` validates with.

    Args:
        cls: dataclass.
        types: types that replace those of some fields.
    """
    hints = {**get_type_hints(cls), **types}
    members: dict[str, Any] = {}
    for field in fields(cls):
        if field.init:
            required = field.default is MISSING and field.default_factory is MISSING
            members[field.name] = (hints[field.name], ... if required else None)
    config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)
    return create_model(cls.__name__, __config__=config, **members)


def _tuples(data: Any) -> Any:
    """The data with all lists, nested ones included, as tuples: the dataclasses are frozen."""
    if isinstance(data, list | tuple):
        return tuple(_tuples(item) for item in data)
    if isinstance(data, Mapping):
        return {key: _tuples(item) for key, item in data.items()}
    return data


def _explain(cls: type[Any], error: ErrorDetails, where: str) -> str:
    path = f"{where}: " if where and ": " not in where else where  # file, or file and key
    for step in error["loc"]:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            key = cut(step)
            path += f".{key}" if path and not path.endswith(" ") else key
    match error["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = [f.name for f in fields(cls) if f.init] if is_dataclass(cls) else []
            return f"{path}: no such field{did_you_mean(str(error['loc'][-1]), known)}"
        case "missing" | "missing_argument":
            return f"{path}: is missing."
        case _:
            came = error["input"]
            return f"{path}: {error['msg'].lower()}, got {shown(came)} ({name_of(came)})."
