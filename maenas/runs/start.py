"""The start of a run as a transaction: it has begun, or nothing has, whatever kills it in between.

A marker is written before the first file of a run and removed once its first state is on disk.
A folder that holds the marker holds nothing to continue and nothing to lose: every start, with
`--resume` or without, begins anew in it.
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
    """Say that a run is about to be written; until `mark_begun` it has not begun."""
    write_text(folder / START_FILE, "a start of a run; nothing here is needed\n")


def mark_begun(folder: Path) -> None:
    """Say that the first state of the run is on disk."""
    (folder / START_FILE).unlink(missing_ok=True)


def is_unstarted(folder: Path) -> bool:
    """Whether no run has begun in a folder: it is missing, empty, or left by a killed start."""
    return not folder.is_dir() or (folder / START_FILE).exists() or not contents(folder)


@contextmanager
def new_run(folder: Path | None, command: str, exist_ok: bool | None) -> Iterator[Path]:
    """The locked folder of a run that begins; whatever ends it early, nothing else can be in it.

    Args:
        folder: folder as named by the user; None for the next free one of the command.
        command: command whose run it is.
        exist_ok: whether it may hold something; None for a command that has no such option.
    Raises:
        MaenasError: if it may not, another process writes into it, or it cannot be made.
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
    """The locked folder of a run that is continued, or begun where nothing has begun.

    Args:
        folder: folder as named by the user; None for the last one of the command.
        command: room of the runs, such as "train".
        has_begun: whether a folder holds a state to continue.
    Raises:
        MaenasError: if it holds something else, or another process writes into it.
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
    """Leave no folder behind where nothing came of a run."""
    try:
        yield
    finally:
        with suppress(OSError):  # it holds something
            folder.rmdir()


def _made_next(command: str) -> Path:
    """The next free folder of a command, made in one step: of two that start, each has its own."""
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
