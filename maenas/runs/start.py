"""The start of a command that writes into a folder: one writer, and a start that is a transaction.

Every such command opens its folder by `new_run` or `resumed_run`, which hold its lock. A marker
is written before the first file of a run that can be resumed, and removed when its first state is
on disk. A folder with the marker has nothing to continue or to lose: every start, with or without
`--resume`, begins a new run in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from maenas.blocks import MaenasError
from maenas.blocks.files.atomic_write import write_text
from maenas.runs.folders import command_of, last_run, made_next, next_run
from maenas.runs.run_lock import contents, run_lock

START_FILE = ".starting"


def mark_start(folder: Path) -> None:
    """Write the marker: until `mark_begun`, the run counts as not begun."""
    write_text(folder / START_FILE, "a start of a run; nothing here is needed\n")


def mark_begun(folder: Path) -> None:
    """Remove the marker: the first state of the run is on disk."""
    (folder / START_FILE).unlink(missing_ok=True)


def is_unstarted(folder: Path) -> bool:
    """Whether a folder holds no run: it is missing, empty, or has the marker of a killed start."""
    return not folder.is_dir() or (folder / START_FILE).exists() or not contents(folder)


@contextmanager
def new_run(
    folder: str | Path | None, command: str, exist_ok: bool | None, can_resume: bool = False
) -> Iterator[Path]:
    """Make and lock the folder of a new run; folders made for it are removed if they stay empty.

    Args:
        folder: folder named by the user; None for the next free one of the command.
        command: name of the command, such as "train".
        exist_ok: whether the folder may hold files; None for a command without this option.
        can_resume: whether the command has the option --resume.
    Raises:
        MaenasError: if the folder holds files and may not, another process writes into it, or it
            cannot be made.
    """
    with reserved(folder, command) as path, run_lock(path):
        if not exist_ok and not is_unstarted(path):
            resume = "--resume continues the run in it, " if can_resume else ""
            option = "" if exist_ok is None else "--exist-ok writes into it anyway, "
            raise MaenasError(f"{path}: is not empty; {resume}{option}--out names another folder.")
        yield path


@contextmanager
def reserved(folder: str | Path | None, command: str) -> Iterator[Path]:
    """A folder for a new run, which no other process gets unless the user names it.

    Folders made for it are removed at the end if they are empty.

    Args:
        folder: folder named by the user; None makes the next free one of the command.
        command: name of the command, such as "train".
    Raises:
        MaenasError: if the folder cannot be made.
    """
    path = next_run(command) if folder is None else Path(folder)
    ours = [parent for parent in path.parents if not os.path.exists(parent)]
    if folder is None:
        path = made_next(command)
        ours.insert(0, path)
    with removed_if_empty(ours):
        yield path


@contextmanager
def resumed_run(
    folder: Path | None, command: str, has_begun: Callable[[Path], bool]
) -> Iterator[Path]:
    """Lock the folder of a run to continue; a folder without a run is locked for a new one.

    Args:
        folder: folder named by the user; None for the last one of the command.
        command: name of the command, such as "train".
        has_begun: function that returns whether a folder holds a state to continue.
    Raises:
        MaenasError: if the folder holds other files, or another process writes into it.
    """
    folder = folder or last_run(command)
    ours = [path for path in folder.parents if not os.path.exists(path)]
    with removed_if_empty(ours), run_lock(folder):
        if not has_begun(folder) and not is_unstarted(folder):
            other = command_of(folder)
            if other is not None:
                raise MaenasError(
                    f"{folder}: is the run of `maenas {other}`, which continues it; --out names "
                    "another folder."
                )
            found = ", ".join(path.name for path in contents(folder)[:3])
            raise MaenasError(
                f"{folder}: holds no run to continue, but {found}; --out names another folder."
            )
        yield folder


@contextmanager
def removed_if_empty(folders: Sequence[Path]) -> Iterator[None]:
    """Remove folders at the end, the innermost first, if they are empty."""
    try:
        yield
    finally:
        for path in folders:
            with suppress(OSError):  # the folder is not empty
                path.rmdir()
