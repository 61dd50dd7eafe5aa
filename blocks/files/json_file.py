"""Reading of JSON files and JSON lines, with a one-line error for invalid content."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from maenas.blocks.errors import MaenasError, SpecError
from maenas.blocks.files.boundary import DAMAGED, end_of
from maenas.blocks.files.plain_file import MIB, MISSING, read_bytes
from maenas.blocks.files.words import name_of, one_line

LOG = logging.getLogger(__name__)

LIMIT = 256 * MIB
MOST_DIGITS = 40  # most digits of an integer; the state of a random generator has 128 bits


def read_json(
    path: Path,
    *,
    limit: int = LIMIT,
    error: type[MaenasError] = SpecError,
    missing: str = MISSING,
    wrong: str = DAMAGED,
    hint: str = "",
) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: path of the file.
        limit: largest size of the file in bytes.
        error: class of the error.
        missing: message if the file does not exist.
        wrong: message if the content is not JSON, as in "FILE: is damaged: ...".
        hint: advice for the user.
    Raises:
        MaenasError: an error of class `error`, if the file is unreadable or not a JSON object.
    """
    LOG.debug("read %s", path)
    content = read_bytes(path, limit=limit, error=error, missing=missing)
    return parse_object(content, path, error=error, wrong=wrong, hint=hint)


def parse_object(
    content: str | bytes,
    where: Path | str,
    *,
    error: type[MaenasError] = SpecError,
    wrong: str = DAMAGED,
    hint: str = "",
) -> dict[str, Any]:
    """The object in a JSON text, such as one line of a file.

    The arguments and errors are those of `parse_json`.
    """
    data = parse_json(content, where, error=error, wrong=wrong, hint=hint)
    if not isinstance(data, dict):
        raise error(f"{where}: {wrong}: {name_of(data)} instead of a mapping{end_of(hint)}")
    return data


def parse_json(
    content: str | bytes,
    where: Path | str,
    *,
    error: type[MaenasError] = SpecError,
    wrong: str = DAMAGED,
    hint: str = "",
) -> Any:
    """The value in a JSON text.

    Args:
        content: JSON text; bytes are UTF-8.
        where: file, and line in it, at the start of the message.
        error: class of the error.
        wrong: message if the content is not JSON, as in "FILE: is damaged: ...".
        hint: advice for the user.
    Raises:
        MaenasError: an error of the class `error`, if the content is not valid JSON.
    """
    try:
        return json.loads(content, parse_int=_whole_number)
    except (ValueError, RecursionError) as cause:
        deep = isinstance(cause, RecursionError)
        reason = "nested too deeply" if deep else one_line(cause)
        raise error(f"{where}: {wrong}: {reason}{end_of(hint)}") from None


def json_text(data: object, indent: int | None = None, ascii_only: bool = False) -> str:
    """Data as JSON; unprintable characters are escapes, so that the text is safe on a terminal.

    Args:
        data: objects, lists, texts and numbers.
        indent: spaces of each level; None for one line.
        ascii_only: whether letters beyond ASCII are escapes too.
    """
    text = json.dumps(data, ensure_ascii=ascii_only, indent=indent)
    kept = "" if indent is None else "\n"
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in kept else json.dumps(sign)[1:-1] for sign in text
    )


def _whole_number(text: str) -> int:
    digits = len(text.lstrip("-"))
    if digits > MOST_DIGITS:
        raise ValueError(f"a whole number of {digits:,} digits")
    return int(text)
