"""A checksum of a data set, by which a training knows that it has not changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from maenas.detector.data.dataset import Dataset
from maenas.detector.data.samples import Samples

DIGESTED = 100_000  # images whose labels are hashed at a time


def digest_of(dataset: Dataset) -> str:
    """The SHA-256 of the names and labels of all images, and of what their sources annotate."""
    data = hashlib.sha256()
    for first in range(0, len(dataset), DIGESTED):
        for content in _contents(dataset.columns, first, min(first + DIGESTED, len(dataset))):
            data.update(content)
    if dataset.sources:
        for source in dataset.sources:
            data.update(source.name.encode() + source.annotated.tobytes())
        columns = dataset.columns
        for column in (columns.source_of, columns.verified_ends, columns.verified):
            data.update(column.tobytes())
    return data.hexdigest()


def _contents(columns: Samples, first: int, last: int) -> Iterator[bytes]:
    """Name, size, id and labels of images `first` to `last` - 1, as bytes in that order."""
    names, ends = columns.names.data, columns.name_ends[first : last + 1].tolist()
    objects = columns.ends[first : last + 1].tolist()
    low, high = objects[0], objects[-1]
    labels = (
        columns.boxes[low:high],
        columns.labels[low:high].astype(np.int64),
        columns.crowd[low:high],
    )
    parts = [(array.tobytes(), array[:1].nbytes or 1) for array in labels]
    sizes, ids = columns.sizes[first:last].tolist(), columns.image_ids[first:last].tolist()
    for index, (size, image_id) in enumerate(zip(sizes, ids, strict=True)):
        yield bytes(names[ends[index] : ends[index + 1]]) + f" {tuple(size)} {image_id} ".encode()
        one, other = objects[index] - low, objects[index + 1] - low
        for content, each in parts:
            yield content[one * each : other * each]
