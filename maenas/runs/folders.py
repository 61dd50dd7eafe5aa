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
    """Make a folder to write into, or check that an existing one may be used.

    Args:
        folder: folder named by the user; None for the next free one of the command.
        command: name of the command, such as "detect".
        exist_ok: whether the folder may hold files, which are then overwritten one by one; None
            for a command without this option.
    Raises:
        MaenasError: if the folder holds files and may not, or cannot be made.
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
    """Make the next free folder of a command; no other process gets the same one.

    Raises:
        MaenasError: if the folder cannot be made.
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
    """Make the folder of a run and lock it inside the block.

    Args:
        out: folder named by the user; None for the next free one of the command, or for the last
            one if a run is resumed.
        command: name of the command, such as "search".
        resume: whether a run is continued.
    Raises:
        MaenasError: if the folder cannot be made, or another process writes into it.
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
            with suppress(OSError):  # the folder is not empty
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
