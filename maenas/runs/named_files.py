"""Files that a spec names, such as its latency table: relative to the spec, found from anywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from maenas.blocks.backbone_file import Metadata
from maenas.budgets.device import is_file
from maenas.budgets.latency import DeviceError, split_precision


def kept_in(metadata: Metadata, spec: Path) -> Metadata:
    """The metadata as a spec keeps it: each file by its path from the folder of the spec.

    A folder that is moved as a whole keeps its table, and no spec names a folder of the machine.

    Args:
        metadata: metadata whose files are named from the working folder.
        spec: path of the spec.
    """
    return _renamed(metadata, lambda name: _path_from(spec.parent, Path(name)))


def found_by(metadata: Metadata, spec: Path) -> Metadata:
    """The metadata as commands use it: each file by its path from the working folder.

    A spec of an earlier version names a file as it was typed. It is found in the working folder
    where no such file lies beside the spec.

    Args:
        metadata: metadata as the spec keeps it.
        spec: path of the spec.
    """
    return _renamed(metadata, lambda name: _found(spec.parent, name))


def placed(device: str | None) -> str | None:
    """A device with the absolute path of its file, for a run that is resumed from any folder."""
    return None if device is None else _with_file(device, lambda name: str(Path(name).resolve()))


def _found(folder: Path, name: str) -> str:
    beside = folder / name
    if not beside.exists() and os.path.exists(name):
        return name
    return _path_from(Path(), beside)


def _path_from(folder: Path, file: Path) -> str:
    """The path of a file from a folder; links to folders are followed, the file may be a link."""
    target = Path(os.path.realpath(file.parent)) / file.name
    return Path(os.path.relpath(target, os.path.realpath(folder))).as_posix()


def _renamed(metadata: Metadata, rename: Callable[[str], str]) -> Metadata:
    """The metadata with other names for its files; names that are no files stay."""
    device, template = metadata.device, metadata.template
    if template is not None and Path(template).suffix in (".yaml", ".yml"):
        template = rename(template)
    return replace(
        metadata,
        device=None if device is None else _with_file(device, rename),
        template=template,
        limits_ms={_with_file(name, rename): ms for name, ms in metadata.limits_ms.items()},
    )


def _with_file(device: str, rename: Callable[[str], str]) -> str:
    """A device with another name for its file; a device that is no file stays."""
    try:
        name, precision = split_precision(device)
    except DeviceError:  # the command that needs the device says so
        return device
    if not is_file(name):
        return device
    return rename(name) + (f":{precision}" if precision else "")
