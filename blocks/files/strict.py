"""Strict YAML: every key known, every value of its type, or one clear line saying where and why."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails

from maenas.blocks.errors import SpecError

try:
    from yaml import CSafeLoader as YamlLoader
except ImportError:  # a PyYAML built without libyaml
    from yaml import SafeLoader as YamlLoader  # type: ignore[assignment]

T = TypeVar("T")


class _NoDuplicates(YamlLoader):
    """Safe loader that refuses a key given twice, where PyYAML keeps the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # a list or mapping as a key is refused below
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path, schema: str) -> dict[str, Any]:
    """The mapping in a YAML file of ours, its `format` line checked and taken off.

    Args:
        path: the file.
        schema: what it must be, such as "maenas/backbone@1".
    Raises:
        SpecError: if it cannot be read, is not YAML, not a mapping, of another kind or newer.
    """
    data = read_mapping(path)
    check_format(path, data.pop("format", None), schema)
    return data


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in any YAML file.

    Raises:
        SpecError: if it cannot be read, is not YAML, not a mapping, or gives a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}.") from None
    try:
        data = yaml.load(text, _NoDuplicates)
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(data, dict):
        raise SpecError(f"{path}: must be a mapping of keys, got {name_of(data)}.")
    return data


def check_format(path: Path | str, found: object, schema: str) -> None:
    """Raise `SpecError` unless `found` is the schema line we read."""
    kind, version = schema.split("@")
    if found == schema:
        return
    if found is None:
        raise SpecError(f"{path}: lacks the line `format: {schema}`.")
    found_kind, _, found_version = str(found).partition("@")
    if found_kind != kind:
        raise SpecError(f"{path}: is a {found}, expected {schema}.")
    if found_version.isdecimal() and int(found_version) > int(version):
        raise SpecError(
            f"{path}: written by a newer maenas ({found}; this one reads up to @{version}); "
            "upgrade maenas."
        )
    raise SpecError(f"{path}: unknown format {found!r}, expected {schema}.")


def parse(cls: type[T], data: object, where: str) -> T:
    """A dataclass from plain data, strictly.

    Args:
        cls: a dataclass; its fields and their types are the schema.
        data: what the file holds; lists stand for tuples.
        where: file and key of `data`, for the message.
    Raises:
        SpecError: naming the key, what it must be, what came, and the nearest known key.
    """
    if not isinstance(data, Mapping):
        raise SpecError(f"{where}: must be a mapping of keys, got {name_of(data)}.")
    try:
        checked = _schema(cast(Hashable, cls)).model_validate(_tuples(data))
    except ValidationError as error:
        # A mistyped key is both unknown and missing: the unknown one tells the user more.
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise SpecError(_explain(cls, first, where)) from None
    try:
        return cls(**{name: getattr(checked, name) for name in checked.model_fields_set})
    except SpecError as error:
        section = where.rpartition(": ")[2]  # which the dataclass may name itself
        raise SpecError(f"{where}: {str(error).removeprefix(f'{section}: ')}") from None


@cache
def _schema(cls: Any) -> type[BaseModel]:
    """The fields of a dataclass as a strict pydantic model."""
    hints = get_type_hints(cls)
    members: dict[str, Any] = {}
    for field in fields(cls):
        if field.init:
            required = field.default is MISSING and field.default_factory is MISSING
            members[field.name] = (hints[field.name], ... if required else None)
    config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)
    return create_model(cls.__name__, __config__=config, **members)


def _tuples(data: Any) -> Any:
    """Lists as tuples, all the way down: our dataclasses are frozen."""
    if isinstance(data, list | tuple):
        return tuple(_tuples(item) for item in data)
    if isinstance(data, Mapping):
        return {key: _tuples(item) for key, item in data.items()}
    return data


def _explain(cls: type[Any], error: ErrorDetails, where: str) -> str:
    path = f"{where}: " if where and ": " not in where else where  # a file, or a key in it
    for step in error["loc"]:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path and not path.endswith(" ") else step
    match error["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = [f.name for f in fields(cls) if f.init] if is_dataclass(cls) else []
            return f"{path}: no such field{did_you_mean(str(error['loc'][-1]), known)}"
        case "missing" | "missing_argument":
            return f"{path}: is missing."
        case _:
            came = error["input"]
            return f"{path}: {error['msg'].lower()}, got {came!r} ({name_of(came)})."


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint for the end of a message: the nearest known word, or all of them."""
    near = get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known: {', '.join(known)}" if known else ""


def name_of(value: object) -> str:
    """What a YAML author calls the type of a value."""
    names: list[tuple[type, str]] = [
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (list, "a list"),
        (tuple, "a list"),
        (dict, "a mapping"),
        (type(None), "nothing"),
    ]
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)


def changed_fields(instance: Any) -> dict[str, object]:
    """Fields of a dataclass that differ from their defaults, as plain data."""
    changed: dict[str, object] = {}
    for field in fields(instance):
        value = getattr(instance, field.name)
        if field.init and (field.default is MISSING or value != field.default):
            changed[field.name] = list(value) if isinstance(value, tuple) else value
    return changed


def flow(data: Mapping[str, object]) -> str:
    """One line of YAML, `{key: value, ...}`."""
    return yaml.safe_dump(
        dict(data), default_flow_style=True, sort_keys=False, width=10_000
    ).strip()
