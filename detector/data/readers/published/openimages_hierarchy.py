"""Hierarchy of the classes of OpenImages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maenas.blocks.files.json_file import read_json
from maenas.blocks.files.words import name_of
from maenas.detector.data.dataset import DataError

Above = Mapping[str, frozenset[str]]


def read_hierarchy(path: Path) -> Above:
    """All classes above each class: a car is a vehicle, and a vehicle an entity.

    A class may lie below several others. Parts of a class (`Part`) are not below it.

    Raises:
        DataError: if the file is no hierarchy, or a class lies below itself.
    """
    parents: dict[str, set[str]] = {}
    waiting: list[tuple[Any, str]] = [(read_json(path, error=DataError, wrong="is no JSON"), "")]
    while waiting:
        node, parent = waiting.pop()
        name = node.get("LabelName") if isinstance(node, dict) else None
        if not isinstance(name, str):
            raise DataError(f"{path}: each class must be an object with a LabelName.")
        own = parents.setdefault(name, set())
        if parent:
            own.add(parent)
        below = node.get("Subcategory", [])
        if not isinstance(below, list):
            raise DataError(f"{path}: {name}: Subcategory must be a list, got {name_of(below)}.")
        waiting += [(each, name) for each in below]
    return {name: _above(path, name, parents) for name in parents}


def _above(path: Path, name: str, parents: Mapping[str, set[str]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(parents[name])
    while waiting:
        each = waiting.pop()
        if each == name:
            raise DataError(f"{path}: {name} lies below itself; correct the cycle.")
        if each not in found:
            found.add(each)
            waiting += parents[each]
    return frozenset(found)


def below(above: Above) -> dict[str, frozenset[str]]:
    """All classes below each class."""
    found: dict[str, set[str]] = {name: set() for name in above}
    for name, those in above.items():
        for each in those:
            found[each].add(name)
    return {name: frozenset(those) for name, those in found.items()}
