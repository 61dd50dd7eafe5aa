"""The folders that commands write into: `runs/COMMAND/exp`, `exp2` and so on."""

from __future__ import annotations

from pathlib import Path

from blocks import MaenasError

RUNS = Path("runs")


def claim(folder: Path | None, command: str, exist_ok: bool) -> Path:
    """A folder to write into, made if need be.

    Args:
        folder: as named by the user; the next free one of the command if None.
        command: whose runs they are.
        exist_ok: whether it may hold something, which is then overwritten file by file.
    Raises:
        MaenasError: if it may not, or cannot be made.
    """
    folder = folder or _next(RUNS / command)
    try:
        if not exist_ok and folder.is_dir() and any(folder.iterdir()):
            raise MaenasError(
                f"{folder}: is not empty; --exist-ok writes into it all the same, --out names "
                "another folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaenasError(f"{folder}: cannot be created: {error.strerror or error}.") from None
    return folder


def _next(parent: Path) -> Path:
    """The first of exp, exp2, exp3, ... that does not exist."""
    number = 1
    while (folder := parent / ("exp" if number == 1 else f"exp{number}")).exists():
        number += 1
    return folder
