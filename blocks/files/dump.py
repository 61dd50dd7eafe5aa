"""YAML output: the fields that differ from their defaults, on one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
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


def flow(data: Mapping[str, object]) -> str:
    """One line of YAML, `{key: value, ...}`."""
    return yaml.safe_dump(
        dict(data), default_flow_style=True, sort_keys=False, width=10_000
    ).strip()
