"""Images and objects of a data set in columns: a few arrays for any number of images."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from maenas.detector.arrays import Floats
from maenas.detector.data.labelled import Flags, Labels, Outline

Number = TypeVar("Number", bound=np.generic)
Ends = NDArray[np.int64]  # (N + 1,): item i spans ends[i] to ends[i + 1]


@dataclass(frozen=True, slots=True)
class Sample:
    """An image and its clean labels: boxes clipped and finite, classes valid, no duplicates.

    Attributes:
        path: file of the image.
        size: (height, width) of the upright image.
        boxes: (N, 4) as (x1, y1, x2, y2) in pixels of the image.
        labels: (N,), indices into `Dataset.names`; `EVERY_CLASS` where all are ignored.
        crowd: (N,), whether a box is a region to ignore.
        areas: (N,), square pixels; area of the mask where the file gives it.
        outlines: outlines of each object; () where no object has one.
        image_id: id of the image in the annotation file, or its position.
    """

    path: Path
    size: tuple[int, int]
    boxes: Floats
    labels: Labels
    crowd: Flags
    areas: Floats
    outlines: tuple[Outline, ...]
    image_id: int


@dataclass(frozen=True, slots=True)
class Outlines:
    """Outlines of many objects in columns: an object has parts, a part has points.

    Attributes:
        points: (P, 2) as (x, y).
        parts: offsets of each part into `points`.
        objects: offsets of each object into `parts`.
    """

    points: Floats
    parts: Ends
    objects: Ends

    @classmethod
    def none(cls, count: int) -> Outlines:
        """Empty outlines of `count` objects."""
        none = np.zeros(1, dtype=np.int64)
        return cls(np.zeros((0, 2), np.float32), none, np.zeros(count + 1, dtype=np.int64))

    @classmethod
    def of(cls, outlines: Sequence[Outline]) -> Outlines:
        """Columns from one outline per object."""
        parts = [part for outline in outlines for part in outline]
        points = np.concatenate(parts) if parts else np.zeros((0, 2))
        return cls(
            points.astype(np.float32),
            ends_of([len(part) for part in parts]),
            ends_of([len(outline) for outline in outlines]),
        )

    @classmethod
    def joined(cls, each: Sequence[Outlines]) -> Outlines:
        """Concatenation of several `Outlines`."""
        return cls(
            np.concatenate([one.points for one in each]),
            _joined_ends([one.parts for one in each]),
            _joined_ends([one.objects for one in each]),
        )

    def at(self, first: int, last: int) -> tuple[Outline, ...]:
        """Outlines of objects `first` to `last` - 1; () if none has one."""
        if self.objects[first] == self.objects[last]:
            return ()
        ends, parts = self.objects[first : last + 1].tolist(), self.parts
        return tuple(
            tuple(self.points[parts[part] : parts[part + 1]] for part in range(start, end))
            for start, end in pairwise(ends)
        )

    def take(self, order: NDArray[np.int64]) -> Outlines:
        """Outlines of the objects at these indices, in this order."""
        parts, objects = ragged(self.objects, order)
        points, ends = ragged(self.parts, parts)
        return Outlines(self.points[points], ends, objects)

    def only(self, kept: Flags) -> Outlines:
        """Outlines of the same objects, empty where `kept` (N,) is False."""
        counts = np.diff(self.objects)
        points, ends = ragged(self.parts, np.flatnonzero(np.repeat(kept, counts)))
        return Outlines(self.points[points], ends, ends_of(counts * kept))

    def points_of_objects(self) -> NDArray[np.int64]:
        """(P,): index of the object that each point belongs to."""
        counts = self.parts[self.objects[1:]] - self.parts[self.objects[:-1]]
        return np.repeat(np.arange(len(counts)), counts)


@dataclass(frozen=True, slots=True)
class Samples(Sequence[Sample]):
    """A sequence of samples in columns; indexing builds a sample.

    An image takes about 40 bytes plus its file name, an object 25 bytes. Forked workers share the
    arrays: arrays hold no reference counts, so no page is ever copied.

    Attributes:
        folders: folders of the images.
        folder_of: (I,), index of each image's folder.
        names: bytes of all file names, concatenated.
        name_ends: offsets of the names.
        sizes: (I, 2), (height, width) of each image.
        image_ids: (I,), id of each image.
        ends: offsets of each image's objects.
        boxes: (N, 4), boxes of all objects.
        labels: (N,), class indices.
        crowd: (N,), whether a box is a region to ignore.
        areas: (N,), square pixels.
        outlines: outlines of all objects.
        source_of: (I,), index of each image's source in `Dataset.sources`; zeros by default.
        verified_ends: offsets of each image's `verified`; empty if no image has any.
        verified: class indices annotated in an image beyond those of its source.
    """

    folders: tuple[Path, ...]
    folder_of: NDArray[np.int32]
    names: NDArray[np.uint8]
    name_ends: Ends
    sizes: NDArray[np.int32]
    image_ids: NDArray[np.int64]
    ends: Ends
    boxes: Floats
    labels: NDArray[np.int32]
    crowd: Flags
    areas: Floats
    outlines: Outlines
    source_of: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    verified_ends: Ends = field(default_factory=lambda: np.zeros(0, np.int64))
    verified: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    def __post_init__(self) -> None:
        if not len(self.source_of):
            object.__setattr__(self, "source_of", np.zeros(len(self), dtype=np.int16))

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Samples:
        """Columns from a sequence of samples, of one source."""
        outlines = [
            outline
            for sample in samples
            for outline in (sample.outlines or ((),) * len(sample.labels))
        ]
        return cls(
            *columns_of_paths([sample.path for sample in samples]),
            np.array([sample.size for sample in samples], dtype=np.int32).reshape(-1, 2),
            np.array([sample.image_id for sample in samples], dtype=np.int64),
            ends_of([len(sample.labels) for sample in samples]),
            np.concatenate([sample.boxes for sample in samples] or [np.zeros((0, 4), np.float32)]),
            _column([sample.labels for sample in samples], np.int64).astype(np.int32),
            _column([sample.crowd for sample in samples], np.bool_),
            _column([sample.areas for sample in samples], np.float32),
            Outlines.of(outlines),
        )

    @classmethod
    def joined(cls, parts: Sequence[Samples]) -> Samples:
        """Concatenation of several `Samples`."""
        if len(parts) == 1:
            return parts[0]
        folders = {folder: None for part in parts for folder in part.folders}
        index_of = {folder: index for index, folder in enumerate(folders)}
        moved = [np.array([index_of[each] for each in part.folders], np.int32) for part in parts]
        verified = any(len(part.verified_ends) for part in parts)
        return cls(
            tuple(folders),
            np.concatenate([new[part.folder_of] for new, part in zip(moved, parts, strict=True)]),
            np.concatenate([part.names for part in parts]),
            _joined_ends([part.name_ends for part in parts]),
            np.concatenate([part.sizes for part in parts]),
            np.concatenate([part.image_ids for part in parts]),
            _joined_ends([part.ends for part in parts]),
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.crowd for part in parts]),
            np.concatenate([part.areas for part in parts]),
            Outlines.joined([part.outlines for part in parts]),
            np.concatenate([part.source_of for part in parts]),
            _joined_ends([part._every_verified_end() for part in parts])
            if verified
            else np.zeros(0, np.int64),
            np.concatenate([part.verified for part in parts]),
        )

    def take(self, order: NDArray[np.int64]) -> Samples:
        """The images at these indices, with their objects."""
        names, name_ends = ragged(self.name_ends, order)
        objects, ends = ragged(self.ends, order)
        verified, verified_ends = self.verified, self.verified_ends
        if len(verified_ends):
            some, verified_ends = ragged(verified_ends, order)
            verified = verified[some]
        return Samples(
            self.folders,
            self.folder_of[order],
            self.names[names],
            name_ends,
            self.sizes[order],
            self.image_ids[order],
            ends,
            self.boxes[objects],
            self.labels[objects],
            self.crowd[objects],
            self.areas[objects],
            self.outlines.take(objects),
            self.source_of[order],
            verified_ends,
            verified,
        )

    def verified_in(self, index: int) -> NDArray[np.int32]:
        """Classes annotated in an image beyond those of its source."""
        if not len(self.verified_ends):
            return self.verified
        return self.verified[self.verified_ends[index] : self.verified_ends[index + 1]]

    def _every_verified_end(self) -> Ends:
        """(I + 1,): offsets of `verified`, also where there are none."""
        return self.verified_ends if len(self.verified_ends) else np.zeros(len(self) + 1, np.int64)

    def __len__(self) -> int:
        return len(self.image_ids)

    def path(self, index: int) -> Path:
        """Path of an image."""
        name = self.names[self.name_ends[index] : self.name_ends[index + 1]].tobytes()
        folder: Path = self.folders[self.folder_of[index]]
        return folder / os.fsdecode(name)

    def paths(self) -> Iterator[Path]:
        """Paths of all images."""
        return map(self.path, range(len(self)))

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) of an image."""
        height, width = self.sizes[index].tolist()
        return height, width

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Sample, ...]: ...
    def __getitem__(self, index: int | slice) -> Sample | tuple[Sample, ...]:
        if isinstance(index, slice):
            return tuple(self[each] for each in range(*index.indices(len(self))))
        position = range(len(self))[index]  # IndexError ends an iteration
        first, last = self.ends[position : position + 2].tolist()
        return Sample(
            self.path(position),
            self.size(position),
            self.boxes[first:last],
            self.labels[first:last].astype(np.int64),
            self.crowd[first:last],
            self.areas[first:last],
            self.outlines.at(first, last),
            int(self.image_ids[position]),
        )


def ragged(ends: Ends, order: NDArray[np.int64]) -> tuple[NDArray[np.int64], Ends]:
    """Indices of the elements of the items in `order`, and the new offsets of the items."""
    counts = np.diff(ends)[order]
    taken = ends_of(counts)
    starts = np.repeat(ends[:-1][order] - taken[:-1], counts)
    return starts + np.arange(taken[-1]), taken


def columns_of_paths(
    paths: Iterable[Path],
) -> tuple[tuple[Path, ...], NDArray[np.int32], NDArray[np.uint8], Ends]:
    """Folders, index of each path's folder, bytes of the names, and offsets of the names."""
    folders: dict[Path, int] = {}
    folder_of, ends, names = array("i"), array("q", [0]), bytearray()
    for path in paths:
        folder_of.append(folders.setdefault(path.parent, len(folders)))
        names += os.fsencode(path.name)
        ends.append(len(names))
    return (
        tuple(folders),
        np.array(folder_of, dtype=np.int32),
        np.frombuffer(bytes(names), dtype=np.uint8),
        np.array(ends, dtype=np.int64),
    )


def ends_of(counts: Sequence[int] | NDArray[np.int64]) -> Ends:
    """(N + 1,): offsets of items of these lengths."""
    ends = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=ends[1:])
    return ends


def _joined_ends(each: Sequence[Ends]) -> Ends:
    """Offsets of concatenated items from the offsets of each part."""
    return ends_of(np.concatenate([np.diff(ends) for ends in each]))


def _column(parts: Sequence[NDArray[Number]], kind: type[Number]) -> NDArray[Number]:
    """Concatenation of the arrays of single images."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)
