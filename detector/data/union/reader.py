"""Reader of unions: several data sets, read by their own readers, with the classes of all."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import ClassVar, TypeVar

from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.readers.source import SPLITS, DataSource, Reader
from maenas.detector.data.union.class_map import ClassMap, class_map
from maenas.detector.data.union.join import joined, mapped
from maenas.detector.data.union.union_file import FORMAT, Member, Union, load_union

Answer = TypeVar("Answer")
Opener = Callable[[Path], tuple[Reader, DataSource]]
Keeper = Callable[[Reader, DataSource, str], Dataset]

_above: ContextVar[tuple[Path, ...]] = ContextVar("unions", default=())  # files being read


class UnionReader(Reader):
    """Reader of a file of the format `maenas/union@1`.

    Args:
        opener: function that opens a data set and chooses its reader.
        keeper: function that reads a split through the index of its data set, if it has one. It is
            used in a union that has no index of its own.
    """

    name: ClassVar[str] = "union"
    looks_like: ClassVar[str] = f"file with `format: {FORMAT}`"

    def __init__(self, opener: Opener, keeper: Keeper) -> None:
        self._opener, self._keeper = opener, keeper

    def recognises(self, source: DataSource) -> bool:
        """Whether the file has the format of a union, of any version, or forgot the line."""
        found = source.keys.get("format")
        if found is None and isinstance(source.keys.get("sources"), dict):
            return True
        return isinstance(found, str) and found.partition("@")[0] == FORMAT.partition("@")[0]

    def splits(self, source: DataSource) -> tuple[str, ...]:
        """The splits that at least one of the data sets has."""
        union = load_union(source.path)
        found = {split for member in union.members for split in self._splits(union, member)}
        return tuple(split for split in SPLITS if split in found)

    def names(self, source: DataSource) -> tuple[str, ...]:
        """The classes of the union."""
        return self._classes(load_union(source.path)).names

    def files(self, source: DataSource, split: str) -> tuple[Path, ...]:
        """The file of the union and those of its data sets; () if one of them has no index."""
        union = load_union(source.path)
        found = [source.path]
        for member in union.members:
            if split in self._splits(union, member):
                own = self._of(union, member, lambda reader, its: reader.files(its, split))
                if not own:
                    return ()
                found += own
        return tuple(found)

    def read(self, source: DataSource, split: str) -> Dataset:
        """The images of all data sets that have the split."""
        union = load_union(source.path)
        read = _from_files if self.files(source, split) else self._keeper
        found = [self._split(union, member, split, read) for member in union.members]
        if not any(found):
            raise DataError(f"{union.path}: none of its sources has a split {split!r}.")
        classes = class_map(
            union,
            [
                self._names(union, member) if dataset is None else dataset.names
                for member, dataset in zip(union.members, found, strict=True)
            ],
        )
        first = Dataset(source.path, (), classes.names, tuple(range(len(classes.names))))
        parts = [
            mapped(dataset, member.name, targets, classes.names)
            for member, dataset, targets in zip(union.members, found, classes.targets, strict=True)
            if dataset is not None
        ]
        return joined(first, parts)

    def _split(self, union: Union, member: Member, split: str, read: Keeper) -> Dataset | None:
        """The images of a data set; None if it does not have the split.

        Names of classes come from what is read: some formats list them nowhere else.
        """
        if split not in self._splits(union, member):
            return None
        dataset = self._of(union, member, lambda reader, own: read(reader, own, split))
        if not dataset.samples:
            raise DataError(
                f"{union.path}: sources.{member.name}: {member.path}: {split}: holds no image "
                "that can be used."
            )
        return dataset

    def _classes(self, union: Union) -> ClassMap:
        return class_map(union, [self._names(union, member) for member in union.members])

    def _names(self, union: Union, member: Member) -> tuple[str, ...]:
        return self._of(union, member, lambda reader, own: reader.names(own))

    def _splits(self, union: Union, member: Member) -> tuple[str, ...]:
        return self._of(union, member, lambda reader, own: reader.splits(own))

    def _of(
        self, union: Union, member: Member, ask: Callable[[Reader, DataSource], Answer]
    ) -> Answer:
        """The answer of the reader of a data set; an error names the data set in the union."""
        where = f"{union.path}: sources.{member.name}"
        above = (*_above.get(), union.path.resolve())
        if member.path.resolve() in above:
            raise DataError(f"{where}: {member.path} is this union, or one that contains it.")
        entered = _above.set(above)
        try:
            return ask(*self._opener(member.path))
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        finally:
            _above.reset(entered)


def _from_files(reader: Reader, source: DataSource, split: str) -> Dataset:
    return reader.read(source, split)
