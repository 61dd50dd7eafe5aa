"""The folders that commands write into: `runs/COMMAND/exp`, `exp2` and so on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from maenas.blocks import MaenasError
from maenas.runs.run_lock import contents, run_lock

RUNS = Path("runs")


def claim(folder: Path | None, command: str, exist_ok: bool | None) -> Path:
    """A folder to write into, made if need be.

    Args:
        folder: as named by the user; the next free one of the command if None.
        command: whose runs they are.
        exist_ok: whether it may hold something, which is then overwritten file by file; None for
            a command that never does so.
    Raises:
        MaenasError: if it may not, or cannot be made.
    """
    if folder is None:
        return new_run(command)
    try:
        if not exist_ok and folder.is_dir() and contents(folder):
            option = "" if exist_ok is None else "--exist-ok writes into it all the same, "
            raise MaenasError(f"{folder}: is not empty; {option}--out names another folder.")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaenasError(f"{folder}: cannot be created: {error.strerror or error}.") from None
    return folder


def new_run(command: str) -> Path:
    """The next free folder of a command, made: no other process gets the same one.

    Raises:
        MaenasError: if it cannot be made.
    """
    while True:
        folder = next_run(command)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileNotFoundError:
            continue  # another process removed the empty parent in between
        except FileExistsError:
            if not folder.is_dir():  # `runs` or `runs/COMMAND` is a file
                raise MaenasError(f"{folder}: cannot be created: a file is in its way.") from None
        except OSError as error:
            raise MaenasError(f"{folder}: cannot be created: {error.strerror or error}.") from None
        else:
            return folder


@contextmanager
def locked_run(out: Path | None, command: str, resume: bool) -> Iterator[Path]:
    """The folder of a run, made and locked for as long as the block lasts.

    Args:
        out: folder as named by the user; None for the next free one of the command, or the last
            one where a run is resumed.
        command: command whose runs they are.
        resume: whether a run is continued.
    Raises:
        MaenasError: if it cannot be made, or another process writes into it.
    """
    expected = out or (last_run(command) if resume else next_run(command))
    missing = [path for path in (expected, *expected.parents) if not path.exists()]
    is_new = out is None and not resume
    folder = new_run(command) if is_new else expected
    try:
        with run_lock(folder):
            yield folder
    finally:
        for path in [folder, *missing[1:]] if missing else []:
            with suppress(OSError):  # it holds something
                path.rmdir()


def next_run(command: str) -> Path:
    """The folder after the last one: exp, exp2, exp3, ..."""
    number = _last_number(command) + 1
    return RUNS / command / ("exp" if number == 1 else f"exp{number}")


def last_run(command: str) -> Path:
    """The last folder of a command that exists; `exp` if there is none."""
    number = _last_number(command)
    return RUNS / command / ("exp" if number <= 1 else f"exp{number}")


def _last_number(command: str) -> int:
    names = (re.fullmatch(r"exp([1-9]\d*)?", path.name) for path in (RUNS / command).glob("exp*"))
    return max((int(found[1] or 1) for found in names if found), default=0)
