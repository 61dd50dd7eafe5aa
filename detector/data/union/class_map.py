"""Classes of a union and, for each source, the class that each of its own becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maenas.blocks.files.words import cut, did_you_mean
from maenas.detector.data.dataset import DataError
from maenas.detector.data.union.label_union import label_union
from maenas.detector.data.union.union_file import Member, Targets, Union

Indices = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ClassMap:
    """Classes of a union, and the targets of the classes of each source.

    Attributes:
        names: names of the classes of the union.
        targets: for each source and class, indices of its targets in `names`.
    """

    names: tuple[str, ...]
    targets: tuple[tuple[Indices, ...], ...]


def class_map(union: Union, classes: Sequence[tuple[str, ...]]) -> ClassMap:
    """The classes of a union.

    Args:
        union: union of data sets.
        classes: names of the classes of each data set, in the order of `union.members`.
    Raises:
        DataError: if a class is mapped never or to a class that does not exist, or nothing is
            mapped to a class.
    """
    targets = [
        _targets(union, member, names) for member, names in zip(union.members, classes, strict=True)
    ]
    certain = {each[0] for mapped in targets for each in mapped if len(each) == 1}
    listed = dict.fromkeys(name for mapped in targets for each in mapped for name in each)
    if union.labels:
        names = tuple(dict.fromkeys((*label_union(union.labels).names, *listed)))
    else:
        names = union.names or tuple(listed)
        _require_sources(union, names, certain)
    index_of = {name: index for index, name in enumerate(names)}
    for member, own, mapped in zip(union.members, classes, targets, strict=True):
        for name, each in zip(own, mapped, strict=True):
            unknown = next((target for target in each if target not in index_of), None)
            if unknown is not None:
                raise DataError(
                    f"{union.path}: sources.{member.name}.classes.{name}: {unknown!r} is not among "
                    f"`names`{did_you_mean(unknown, names)}"
                )
    if not names:
        raise DataError(f"{union.path}: maps every class to `ignore`; no class is left to learn.")
    return ClassMap(
        names, tuple(tuple(tuple(index_of[t] for t in each) for each in own) for own in targets)
    )


def _targets(union: Union, member: Member, names: tuple[str, ...]) -> list[Targets]:
    """Targets of each class of a data set, which must be mapped exactly once."""
    where = f"{union.path}: sources.{member.name}.classes"
    known = {**_published(union, member, names), **member.targets}
    lost = [name for name in names if name not in known]
    if lost:
        more = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
        first = cut(lost[0])
        raise DataError(
            f"{where}: class {first!r} of {member.path}{more} is mapped to nothing; add "
            f"`{first}: CLASS`, `ignore` or `split`."
        )
    own = set(names)
    unknown = [name for name in member.targets if name not in own]
    if unknown:
        raise DataError(
            f"{where}.{unknown[0]}: {member.path} has no such class"
            f"{did_you_mean(unknown[0], names)}"
        )
    return [known[name] for name in names]


def _published(union: Union, member: Member, names: tuple[str, ...]) -> dict[str, Targets]:
    """Targets by the published union of the classes that it knows."""
    if not member.labels:
        return {}
    union_of_labels = label_union(union.labels)
    found = {name: union_of_labels.index_of(member.labels, name) for name in names}
    return {name: (union_of_labels.names[k],) for name, k in found.items() if k is not None}


def _require_sources(union: Union, names: tuple[str, ...], certain: set[str]) -> None:
    """Raise `DataError` unless each class is the only target of a class of some data set."""
    for name in names:
        if name not in certain:
            raise DataError(
                f"{union.path}: no class of a data set is mapped to {name!r} alone, so it cannot "
                "be learned; map one to it, or leave it out."
            )
