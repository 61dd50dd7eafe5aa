"""The start of a run as a transaction: a run killed while it starts counts as not begun.

A marker is written before the first file of a run and removed when its first state is on disk.
A folder with the marker has nothing to continue or to lose: every start, with or without
`--resume`, begins a new run in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from maenas.blocks import MaenasError
from maenas.blocks.files.atomic_write import write_text
from maenas.runs.folders import last_run, next_run
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
def new_run(folder: Path | None, command: str, exist_ok: bool | None) -> Iterator[Path]:
    """Make and lock the folder of a new run; a new folder that stays empty is removed.

    Args:
        folder: folder named by the user; None for the next free one of the command.
        command: name of the command, such as "train".
        exist_ok: whether the folder may hold files; None for a command without this option.
    Raises:
        MaenasError: if the folder holds files and may not, another process writes into it, or it
            cannot be made.
    """
    is_made = folder is None
    folder = folder or _made_next(command)
    with _removed_if_empty(folder) if is_made else nullcontext(), run_lock(folder):
        if not exist_ok and not is_unstarted(folder):
            option = "" if exist_ok is None else "--exist-ok writes into it all the same, "
            raise MaenasError(
                f"{folder}: is not empty; --resume continues the run in it, {option}--out names "
                "another folder."
            )
        yield folder


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
    with run_lock(folder):
        if not has_begun(folder) and not is_unstarted(folder):
            found = ", ".join(path.name for path in contents(folder)[:3])
            raise MaenasError(
                f"{folder}: holds no run to continue, but {found}; --out names another folder."
            )
        yield folder


@contextmanager
def _removed_if_empty(folder: Path) -> Iterator[None]:
    """Remove the folder at the end of the block if it is empty."""
    try:
        yield
    finally:
        with suppress(OSError):  # the folder is not empty
            folder.rmdir()


def _made_next(command: str) -> Path:
    """Make the next free folder of a command; two runs that start together get different ones."""
    while True:
        folder = next_run(command)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise MaenasError(f"{folder}: cannot be created: {error.strerror or error}.") from None
        return folder
