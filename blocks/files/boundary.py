"""The boundary around a parser: whatever fails in it is one line that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maenas.blocks.errors import MaenasError, SpecError
from maenas.blocks.files.words import one_line

DAMAGED = "is damaged"


@contextmanager
def parsing(
    where: Path | str,
    *,
    error: type[MaenasError] = SpecError,
    wrong: str = DAMAGED,
    hint: str = "",
) -> Iterator[None]:
    """Turn every failure inside the block into one error.

    Parsers raise what they like on damaged files: 44 kinds of exception were counted, many without
    a common base. So this is the one place where every exception is caught; the block should hold
    the parser's call alone, and what checks the structure that it returned.

    Args:
        where: file, and place in it, that the message begins with.
        error: what is raised.
        wrong: what is wrong with the file, as in "FILE: is damaged: ...".
        hint: what to do about it.
    Raises:
        MaenasError: of the class `error`; an error of ours passes unchanged.
    """
    try:
        yield
    except MaenasError:
        raise
    except RecursionError:
        raise error(f"{where}: {wrong}: nested too deeply{end_of(hint)}") from None
    except MemoryError:
        raise error(f"{where}: {wrong}: larger than the memory{end_of(hint)}") from None
    except Exception as cause:
        raise error(f"{where}: {wrong}: {one_line(cause)}{end_of(hint)}") from None


def end_of(hint: str) -> str:
    """The end of a message, with what to do if that is known."""
    return f"; {hint}." if hint else "."
