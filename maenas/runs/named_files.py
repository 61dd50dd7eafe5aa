"""Files that options name, such as a latency table: by their path from the folder that keeps them.

A spec and the options of a run stay right where a folder is moved as a whole, and name the same
files for a command in any working folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from maenas.blocks.backbone_file import Metadata
from maenas.blocks.files.suffixes import is_yaml
from maenas.budgets.device import is_file
from maenas.budgets.latency import DeviceError, split_precision

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Options = TypeVar("Options", bound="DataclassInstance")
Rename = Callable[[str], str]

DOTS = ("./", "../")
# Files that are meant where their folder is named: of a data set, detector, training or search.
MEANT = ("data.yaml", "detector.yaml", "best/detector.yaml", "best.yaml")


def kept_in(metadata: Metadata, spec: Path) -> Metadata:
    """The metadata as a spec keeps it: each file by its path from the folder of the spec.

    No spec names a folder of the machine, so absolute paths become relative, too.

    Args:
        metadata: metadata whose files are named from the working folder.
        spec: path of the spec.
    """
    return _renamed(metadata, partial(_kept, spec.parent))


def found_by(metadata: Metadata, spec: Path) -> Metadata:
    """The metadata as commands use it: each file by its path from the working folder.

    A spec of an earlier version names a file as it was typed, mostly without dots before it. Such
    a file is found in the working folder where none lies beside the spec.

    Args:
        metadata: metadata as the spec keeps it.
        spec: path of the spec.
    """
    return _renamed(metadata, partial(_found, spec.parent))


def kept_options(options: Options, folder: Path) -> Options:
    """The options of a run as its folder keeps them: each file by its path from the folder.

    Absolute paths stay: what a user names so, such as data on another disk, does not move with
    the run.

    Args:
        options: options whose files are named from the working folder.
        folder: folder of the run.
    """
    return _renamed(options, _if_relative(partial(_kept, folder)))


def found_options(options: Options, folder: Path) -> Options:
    """The options of a run as commands use them: each file by its path from the working folder.

    The options of an earlier version name a file as it was typed, which is found as in `found_by`.

    Args:
        options: options as the folder of the run keeps them.
        folder: folder of the run.
    """
    return _renamed(options, _if_relative(partial(_found, folder)))


def named_as_in(saved: Options, asked: Options) -> Options:
    """Options of a command, each file named as in those of a run that name the same one.

    One file may be typed in several ways, so options are compared after this.

    Args:
        saved: options of the run, whose files are named from the working folder.
        asked: options as they were typed.
    """
    there, here = (_renamed(each, _target) for each in (saved, asked))
    names = [field.name for field in fields(asked)]
    same = [name for name in names if getattr(there, name) == getattr(here, name)]
    return replace(asked, **{name: getattr(saved, name) for name in same})


def absolute_options(options: Options) -> Options:
    """Options with absolute paths, for a process whose working folder is another one.

    Args:
        options: options whose files are named from the working folder.
    """
    return _renamed(options, lambda name: str(Path(name).absolute()))


def _kept(folder: Path, name: str) -> str:
    """The path of a file from a folder that keeps it, with dots before it: see `_found`."""
    path = _path_from(folder, Path(name))
    return path if path.startswith(DOTS) else f"./{path}"


def _found(folder: Path, name: str) -> str:
    """The path from the working folder of a file that a folder keeps.

    Only a name without dots may be one that was typed. Others would be looked for in whatever
    folder a command runs in, and another file of that name be taken for a lost one.
    """
    beside = folder / name
    if not (name.startswith(DOTS) or beside.exists()) and os.path.exists(name):
        return name
    return _path_from(Path(), beside)


def _path_from(folder: Path, file: Path) -> str:
    """The path of a file from a folder; links to folders are followed, the file may be a link."""
    target = Path(os.path.realpath(file.parent)) / file.name
    return Path(os.path.relpath(target, os.path.realpath(folder))).as_posix()


def _target(name: str) -> str:
    """The file that a name leads to; for a folder that of `MEANT` that it holds."""
    path = os.path.realpath(name)
    held = (os.path.join(path, file) for file in MEANT)
    return next(filter(os.path.isfile, held), path)


def _if_relative(rename: Rename) -> Rename:
    return lambda name: name if os.path.isabs(name) else rename(name)


def _renamed(options: Options, rename: Rename) -> Options:
    """Options with other names for their files; names that are no files stay."""
    return replace(
        options,
        **{
            field.name: _each(getattr(options, field.name), FIELDS[field.name], rename)
            for field in fields(options)
            if field.name in FIELDS
        },
    )


def _each(value: Any, one: Callable[[str, Rename], str], rename: Rename) -> Any:
    """A value with each of its texts renamed: one, several, or the keys of a mapping."""
    if isinstance(value, str):
        return one(value, rename)
    if isinstance(value, Path):
        return Path(one(str(value), rename))
    if isinstance(value, tuple):
        return tuple(_each(item, one, rename) for item in value)
    if isinstance(value, Mapping):
        return {one(key, rename): item for key, item in value.items()}
    return value


def _device(text: str, rename: Rename) -> str:
    """A device, whose table or estimate may be a file."""
    try:
        name, precision = split_precision(text)
    except DeviceError:  # the command that needs the device says so
        return text
    if not is_file(name):
        return text
    return rename(name) + (f":{precision}" if precision else "")


def _budget(text: str, rename: Rename) -> str:
    """A budget, which may name its device, as in `3.8ms@table.json`."""
    amount, at, device = text.partition("@")
    return amount + at + _device(device.strip(), rename)


def _yaml(text: str, rename: Rename) -> str:
    """A space, template, score or recipe, by its name or as a YAML file."""
    return rename(text) if is_yaml(text) else text


def _model(text: str, rename: Rename) -> str:
    """A network, from the zoo or a file or folder."""
    return text if text.startswith("zoo:") else rename(text)


def _path(text: str, rename: Rename) -> str:
    """A file or folder; empty if none is named."""
    return rename(text) if text else text


# The fields of metadata and options that name files, and what may stand in them.
FIELDS: Mapping[str, Callable[[str, Rename], str]] = {
    "device": _device,
    "limits_ms": _device,
    "budget": _budget,
    "budgets": _budget,
    "at": _budget,
    "space": _yaml,
    "template": _yaml,
    "score": _yaml,
    "recipe": _yaml,
    "detector": _model,
    "teacher": _model,
    "init": _model,
    "sources": _model,
    "data": _path,
}
