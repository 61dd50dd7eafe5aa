"""The boundary around a parser: every failure becomes a one-line error that names the file."""

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
    """Convert every failure inside the block to one error.

    Parsers raise many kinds of exception on damaged files: 44 were counted, many without a common
    base class. This is therefore the only place that catches every exception. The block should
    contain only the call of the parser and the checks of the structure that it returns.

    Args:
        where: file, and position in it, at the start of the message.
        error: class of the error.
        wrong: description of the fault, as in "FILE: is damaged: ...".
        hint: advice for the user.
    Raises:
        MaenasError: an error of the class `error`; a `MaenasError` from inside is raised unchanged.
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
    """The end of a message, with the advice if there is any."""
    return f"; {hint}." if hint else "."
