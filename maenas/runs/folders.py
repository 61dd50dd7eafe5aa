"""The folders that commands write into: `runs/COMMAND/exp`, `exp2` and so on."""

from __future__ import annotations

import re
from pathlib import Path

from maenas.blocks import MaenasError

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
    folder = folder or next_run(command)
    try:
        if not exist_ok and folder.is_dir() and any(folder.iterdir()):
            option = "" if exist_ok is None else "--exist-ok writes into it all the same, "
            raise MaenasError(f"{folder}: is not empty; {option}--out names another folder.")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaenasError(f"{folder}: cannot be created: {error.strerror or error}.") from None
    return folder


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
