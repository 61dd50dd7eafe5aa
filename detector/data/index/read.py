"""Reading of a data set through its index: opened where there is one, built where it pays."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from maenas.blocks.files.plain_file import MIB
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.index.stamps import key_of, stamp_of
from maenas.detector.data.index.store import (
    index_folder,
    open_index,
    remove_old,
    save_index,
)
from maenas.detector.data.readers.source import DataSource, Reader

LOG = logging.getLogger(__name__)
WORTH = 16 * MIB  # bytes of annotation files: about a second of reading


def indexed(reader: Reader, source: DataSource, split: str) -> Dataset:
    """A split of a data set, from its index if its annotation files are large.

    Raises:
        DataError: if a file of the data set is missing or malformed.
    """
    files = reader.files(source, split)
    if not is_worth_it(files):
        return reader.read(source, split)
    key = key_of(reader.name, source.path, split, files)
    found = opened(key)
    if found is not None:
        return found
    dataset = reader.read(source, split)
    if key_of(reader.name, source.path, split, files) != key:
        return dataset  # a file changed while it was read
    try:
        path = save_index(dataset, source.path, split, key)
        remove_old(path)
        made = open_index(path)
    except (OSError, DataError) as error:
        LOG.info(f"index: cannot be kept, so the next start reads {source.path} again: {error}")
        return dataset
    size = sum(file.stat().st_size for file in path.iterdir()) / 1e6
    LOG.info(
        f"index: {len(dataset):,} images and {dataset.objects:,} objects of {source.path} ({split})"
        f" are kept in {path}, {size:,.0f} MB; the next start opens it"
    )
    return made


def indexed_names(reader: Reader, source: DataSource, split: str) -> tuple[str, ...] | None:
    """Names of the classes from the index of a split; None if there is none."""
    try:
        files = reader.files(source, split)
    except DataError:
        return None
    found = opened(key_of(reader.name, source.path, split, files)) if is_worth_it(files) else None
    return None if found is None else found.names


def opened(key: str) -> Dataset | None:
    """The data set of the index of this name; None if there is none that can be used."""
    path = index_folder() / key
    if not path.exists():
        return None
    try:
        return open_index(path)
    except (DataError, OSError) as fault:
        LOG.info(f"index: {fault}; it is built again")
        shutil.rmtree(path, ignore_errors=True)
        return None


def is_worth_it(files: Sequence[Path]) -> bool:
    """Whether reading these files takes so long that an index is worth its place on disk."""
    return sum(stamp_of(path)[0] for path in files) >= WORTH
