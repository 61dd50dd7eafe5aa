"""The folders that commands write into: `runs/COMMAND/exp`, `exp2` and so on."""

from __future__ import annotations

import re
from pathlib import Path

from maenas.blocks import MaenasError
from maenas.runs.run_lock import TRIES, was_removed

RUNS = Path("runs")
# Folders in a run of `maenas run`.
TRAINING, BUILT, SEARCH = "train", "detector", "search"
# Files that only a run of one command has, with the words of the command.
COMMANDS = {
    "portfolio.yaml": "search --portfolio",
    "searches.yaml": "search",
    "config.yaml": "search",
    "run.json": "run",
    "judge.yaml": "judge",
    "race.yaml": "race",
    "family.yaml": "train-family",
}
# Files that only the folder of a run has; `train` and `distill` leave the first one.
RUN_FILES = ("args.yaml", *COMMANDS)
TRAINING_TABLE = "results.csv"  # file of a training run with loss and AP by epoch


def require_no_run(folder: Path) -> None:
    """Raise `MaenasError` if a folder holds a run: a detector beside it would be read instead."""
    found = next((name for name in RUN_FILES if (folder / name).exists()), None)
    if found is not None:
        raise MaenasError(
            f"{folder}: holds a run ({found}), which a detector beside it would hide; --out names "
            "another folder."
        )


def command_of(folder: Path) -> str | None:
    """The command whose run a folder holds; None if no file says it."""
    return next((words for name, words in COMMANDS.items() if (folder / name).is_file()), None)


def made_next(command: str) -> Path:
    """Make the next free folder of a command; no other process gets the same one.

    Raises:
        MaenasError: if the folder cannot be made.
    """
    for tries_left in reversed(range(TRIES)):
        folder = next_run(command)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except OSError as error:
            if tries_left and was_removed(error, folder):
                continue  # or another process made it first
            raise MaenasError(f"{folder}: cannot be created: {error.strerror or error}.") from None
        else:
            return folder
    raise AssertionError("the last try returns or raises")


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
