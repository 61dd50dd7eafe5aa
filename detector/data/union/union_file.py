"""The file of a union: data sets, and for each of their classes the class of the union."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maenas.blocks.errors import SpecError
from maenas.blocks.files.strict import parse
from maenas.blocks.files.words import name_of, shown
from maenas.blocks.files.yaml_file import read_yaml
from maenas.detector.data.dataset import DataError
from maenas.detector.data.paths import require_path
from maenas.detector.data.readers.values import class_name
from maenas.detector.data.union.label_union import LabelUnion, label_union

FORMAT = "maenas/union@1"
IGNORE, SPLIT = "ignore", "split"
MOST_SOURCES = 1000

Targets = tuple[str, ...]  # one class; none to ignore the boxes; several if it is unknown which


@dataclass(frozen=True, slots=True)
class UnionSource:
    """One data set of a union.

    Attributes:
        data: path of the data set, relative to the file of the union or the working directory.
        classes: for each class of the data set the class of the union, `ignore`, `split`, or a
            list of the classes that it may be.
        labels: data set of the published union whose classes these are, such as coco; `classes`
            then lists only what differs.
    """

    data: str
    classes: dict[Any, Any] = field(default_factory=dict)
    labels: str = ""


@dataclass(frozen=True, slots=True)
class UnionFile:
    """A union of data sets with different classes.

    Attributes:
        sources: data sets by name, in the order of their images.
        names: classes of the union in their order; by default the order in which the sources
            name them.
        labels: published union whose classes come first, in their published order.
    """

    sources: dict[str, Any]
    names: tuple[str, ...] = ()
    labels: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A data set of a union and the targets of its classes.

    Attributes:
        name: name of the data set in the union.
        path: path of the data set.
        targets: targets of each class that the file maps itself.
        labels: data set of the published union by which the other classes are mapped; "" without.
    """

    name: str
    path: Path
    targets: Mapping[str, Targets]
    labels: str = ""


@dataclass(frozen=True, slots=True)
class Union:
    """A union of data sets, as its file describes it.

    Attributes:
        path: file of the union.
        members: data sets in the order of their images.
        names: classes of the union, if the file lists them; () otherwise.
        labels: name of the published union whose classes come first; "" without one.
    """

    path: Path
    members: tuple[Member, ...]
    names: tuple[str, ...] = ()
    labels: str = ""


def load_union(path: Path) -> Union:
    """The union in a file.

    Raises:
        DataError: if the file cannot be read, or a key or value is wrong.
    """
    try:
        return _loaded(path)
    except SpecError as error:
        raise DataError(str(error)) from None


def _loaded(path: Path) -> Union:
    file = parse(UnionFile, read_yaml(path, FORMAT), str(path))
    if not 0 < len(file.sources) <= MOST_SOURCES:
        raise DataError(
            f"{path}: sources: must name 1 to {MOST_SOURCES:,} data sets, got {len(file.sources)}."
        )
    if file.names and file.labels:
        raise DataError(f"{path}: names and labels exclude each other; leave one out.")
    published = _published(path, file.labels) if file.labels else None
    names = tuple(class_name(f"{path}: names[{k}]", each) for k, each in enumerate(file.names))
    _require_distinct(path, names)
    members = tuple(
        _member(path, name, parse(UnionSource, data, f"{path}: sources.{name}"), published)
        for name, data in file.sources.items()
    )
    return Union(path, members, names, file.labels)


def _published(path: Path, name: str) -> LabelUnion:
    try:
        return label_union(name)
    except SpecError as error:
        raise DataError(f"{path}: {error}") from None


def _require_distinct(path: Path, names: tuple[str, ...]) -> None:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if first.setdefault(name, index) != index:
            raise DataError(f"{path}: names[{index}] is {name!r}, as is names[{first[name]}].")


def _member(path: Path, name: str, source: UnionSource, published: LabelUnion | None) -> Member:
    where = f"{path}: sources.{class_name(f'{path}: sources', name)}"
    if not source.data.strip() or not source.data.isprintable():
        raise DataError(f"{where}.data: must be the path of a data set, got {shown(source.data)}.")
    require_path(f"{where}.data", source.data)
    if source.labels and published is None:
        raise DataError(f"{where}.labels: needs `labels` of a published union in the file.")
    if source.labels and published is not None and source.labels not in published.columns:
        listed = ", ".join(published.columns)
        raise DataError(f"{where}.labels: is {shown(source.labels)}; known: {listed}")
    own = {
        _key(where, key): _targets(f"{where}.classes.{key}", _key(where, key), value, name)
        for key, value in source.classes.items()
    }
    return Member(name, _located(path, source.data), own, source.labels)


def _key(where: str, key: object) -> str:
    if isinstance(key, bool) or key is None:
        raise DataError(f"{where}.classes: {shown(key)} is no name in YAML; write it in quotes.")
    return class_name(f"{where}.classes", key)


def _targets(where: str, own: str, value: object, source: str) -> Targets:
    """The targets that a value of `classes` names."""
    if value == IGNORE:
        return ()
    if value == SPLIT:
        return (f"{own} ({source})",)
    listed = value if isinstance(value, tuple) else (value,)
    if not listed or not all(_is_name(each) for each in listed):
        raise DataError(
            f"{where}: must name a class of the union, {IGNORE}, {SPLIT} or a list of classes, "
            f"got {shown(value)} ({name_of(value)})."
        )
    alone = next((each for each in (IGNORE, SPLIT) if each in listed), None)
    if alone is not None and len(listed) > 1:  # a list of one is a class of that name
        raise DataError(
            f"{where}: {alone} stands alone, not in a list; a list names the classes of the union "
            f"that a box may be, got {shown(list(listed))}."
        )
    targets = tuple(class_name(where, each) for each in listed)
    if len(set(targets)) < len(targets):
        raise DataError(f"{where}: names a class twice: {shown(list(targets))}.")
    return targets


def _is_name(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _located(path: Path, data: str) -> Path:
    """Path of a data set: relative to the union's file or, if nothing is there, as it is."""
    beside = path.parent / data
    return beside if beside.exists() or not Path(data).exists() else Path(data)
