"""YAML output: all fields of a dataclass, or those that differ from their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import yaml


def changed_fields(instance: Any) -> dict[str, object]:
    """Fields of a dataclass that differ from their defaults, as plain data."""
    changed: dict[str, object] = {}
    for field in fields(instance):
        value = getattr(instance, field.name)
        if field.init and (field.default is MISSING or value != field.default):
            changed[field.name] = list(value) if isinstance(value, tuple) else value
    return changed


def all_fields(instance: Any, schema: str) -> str:
    """A YAML file with every field of a dataclass, in their order.

    Args:
        instance: dataclass whose values are plain data, tuples of it and paths.
        schema: format of the file, such as "maenas/race@1".
    """
    return yaml.safe_dump({"format": schema, **plain_fields(instance)}, sort_keys=False)


def plain_fields(instance: Any) -> dict[str, Any]:
    """Every field of a dataclass as plain data: tuples as lists, paths as texts."""
    return {each.name: _plain(getattr(instance, each.name)) for each in fields(instance)}


def flow(data: Mapping[str, object]) -> str:
    """One line of YAML, `{key: value, ...}`."""
    return yaml.safe_dump(
        dict(data), default_flow_style=True, sort_keys=False, width=10_000
    ).strip()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value
