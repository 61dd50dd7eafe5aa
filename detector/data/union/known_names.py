"""Class names that need care when data sets are joined: homonyms and synonyms."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from maenas.blocks.files.yaml_file import read_yaml
from maenas.detector.data.union.name_key import name_key


@cache
def homonyms() -> Mapping[str, tuple[str, ...]]:
    """Meanings of each class name that has several, by `name_key`."""
    meanings = _bundled("homonyms")["meanings"]
    return {name_key(name): tuple(each) for name, each in meanings.items()}


@cache
def synonyms() -> Mapping[str, str]:
    """Key of the first of several names of one class, by the `name_key` of each."""
    groups: list[list[str]] = _bundled("synonyms")["same"]
    return {name_key(name): name_key(group[0]) for group in groups for name in group}


@cache
def similar() -> tuple[tuple[str, ...], ...]:
    """Groups of names that a published union merges although they do not mean the same."""
    return tuple(tuple(group) for group in _bundled("synonyms")["similar"])


def meaning_key(name: str) -> str:
    """A text that is equal for names that differ in spelling alone, and for synonyms."""
    key = name_key(name)
    return synonyms().get(key, key)


def _bundled(name: str) -> dict[str, Any]:
    path = Path(str(files("maenas.detector.data.union") / f"{name}.yaml"))
    return read_yaml(path, f"maenas/{name}@1")
