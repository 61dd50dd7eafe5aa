"""Indexes on disk: written in one step, opened if they are whole, removed when they are old."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_cache_path

from maenas.blocks.errors import SpecError
from maenas.blocks.files.json_file import read_json
from maenas.blocks.files.plain_file import GIB
from maenas.detector.data.dataset import DataError, DataProblem, Dataset, Source
from maenas.detector.data.index.columns import load_array, open_columns, save_columns
from maenas.detector.data.index.stamps import FORMAT, folder_times, watched_folders
from maenas.detector.data.labelled import Flags

HEAD, ANNOTATED = "index.json", "annotated.npy"
KEYS = (
    *("source", "split", "bytes", "names", "category_ids", "sources", "path", "folders"),
    *("folder_times", "problems"),
)
MOST_BYTES = 20 * GIB  # of all indexes; the least recently opened go first
PART = ".part-"  # prefix of a folder that is being written
ABANDONED_S = 24 * 3600  # seconds after which such a folder is removed


class IndexFault(DataError):
    """An index cannot be used; the message says why."""


def index_folder() -> Path:
    """Folder of all indexes, in the user's cache."""
    return user_cache_path("maenas") / "index"


def save_index(dataset: Dataset, source: Path, split: str, key: str) -> Path:
    """Write an index; another process that writes the same one at the same time does no harm.

    Args:
        dataset: split of a data set.
        source: data set as it was named.
        split: name of the split.
        key: name of the index.
    Raises:
        OSError: if it cannot be written; nothing is left of it then.
    """
    root = index_folder()
    root.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=PART, dir=root))
    try:
        columns = dataset.columns
        save_columns(columns, part)
        annotated = [source.annotated for source in dataset.sources]
        np.save(part / ANNOTATED, np.array(annotated, np.bool_).reshape(-1, len(dataset.names)))
        files = {file.name: file.stat().st_size for file in sorted(part.iterdir())}
        head = {
            "format": FORMAT,
            "source": str(source.resolve()),
            "split": split,
            "images": len(dataset),
            "objects": dataset.objects,
            "bytes": files,
            "names": dataset.names,
            "category_ids": dataset.category_ids,
            "sources": [source.name for source in dataset.sources],
            "path": str(dataset.source),
            "folders": [str(folder) for folder in columns.folders],
            "folder_times": folder_times(watched_folders(dataset)),
            "problems": [asdict(problem) for problem in dataset.problems],
        }
        (part / HEAD).write_text(json.dumps(head), encoding="utf-8")
        return _moved(part, root / key)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _moved(part: Path, path: Path) -> Path:
    """Give a written index its name; one that is there already is kept if it is whole."""
    try:
        part.rename(path)
    except OSError:
        if fault_of(path):
            shutil.rmtree(path, ignore_errors=True)
            part.rename(path)
    return path


def open_index(path: Path) -> Dataset:
    """The data set of an index, mapped into memory.

    Raises:
        IndexFault: if a file is missing or cut, the index has another format, or images were added
            to or removed from their folders since.
    """
    head = _head(path)
    wrong = _cut(path, head)
    if wrong:
        raise IndexFault(f"{path}: {wrong}")
    folders = tuple(map(Path, head["folders"]))
    if folder_times(head["folder_times"]) != head["folder_times"]:
        raise IndexFault(f"{path}: the folders of the images have changed")
    columns = open_columns(path, folders)
    annotated: Flags = load_array(path / ANNOTATED)
    os.utime(path)  # for the order in which indexes are removed
    return Dataset(
        Path(head["path"]),
        columns,
        tuple(head["names"]),
        tuple(head["category_ids"]),
        tuple(DataProblem(**problem) for problem in head["problems"]),
        tuple(map(Source, head["sources"], annotated)),
    )


def fault_of(path: Path) -> str:
    """What is wrong with an index; "" if nothing is."""
    try:
        return _cut(path, _head(path))
    except IndexFault as fault:
        return str(fault)


def _head(path: Path) -> dict[str, Any]:
    try:
        head = read_json(path / HEAD, limit=GIB)
    except SpecError as error:
        raise IndexFault(str(error).rstrip(".")) from None
    if head.get("format") != FORMAT:
        raise IndexFault(f"{path}: is of another version than {FORMAT}")
    missing = next((key for key in KEYS if key not in head), None)
    if missing:
        raise IndexFault(f"{path}: {HEAD} lacks {missing!r}")
    return head


def _cut(path: Path, head: dict[str, Any]) -> str:
    """Which file of an index does not have its size; "" if all do."""
    for name, size in head["bytes"].items():
        try:
            found = (path / name).stat().st_size
        except OSError:
            return f"{name} is missing"
        if found != size:
            return f"{name} is cut: it has {found:,} of {size:,} bytes"
    return ""


def remove_old(kept: Path) -> None:
    """Remove indexes of changed and deleted data sets, and the least recently opened ones.

    Args:
        kept: index that stays, and that replaces others of its data set and split.
    """
    head = _head(kept)
    total = 0
    for path in sorted(kept.parent.iterdir(), key=_opened, reverse=True):
        if path.name.startswith(PART):
            if time.time() - _opened(path) > ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)
            continue
        total += sum(file.stat().st_size for file in path.glob("*") if file.is_file())
        if path != kept and (total > MOST_BYTES or _is_replaced(path, head)):
            shutil.rmtree(path, ignore_errors=True)


def _is_replaced(path: Path, head: dict[str, Any]) -> bool:
    """Whether an index is damaged, of a data set that is gone, or of the one of `head`."""
    try:
        other = _head(path)
    except IndexFault:
        return True
    same = all(other.get(key) == head[key] for key in ("source", "split"))
    return same or not os.path.exists(str(other.get("source")))


def _opened(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
