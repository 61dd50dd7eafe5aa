"""A value as a message shows it: its start, never thousands of characters."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 80  # characters of a value in a message


def shown(value: object, longest: int = LONGEST) -> str:
    """`repr(value)`, cut.

    A value out of a damaged file may be huge: a text of megabytes, an integer of 5,000 digits,
    which Python refuses to print, or lists that hold one another.
    """
    return cut(_repr(value, longest), longest)


def cut(text: str, longest: int = LONGEST) -> str:
    """The start of a text, with "..." in place of what is left out."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _repr(value: object, longest: int) -> str:
    """`repr(value)`, built of no more than is shown of it."""
    if isinstance(value, str | bytes):
        return repr(value[:longest])
    if isinstance(value, int) and value.bit_length() > 4 * longest:
        return f"a whole number of {int(value.bit_length() * 0.30103) + 1:,} digits"
    if isinstance(value, list | tuple | set | frozenset):
        brackets = {list: "[]", tuple: "()"}.get(type(value), "{}")
        items = _joined((_repr(item, longest) for item in value), longest)
        return f"{brackets[0]}{items}{brackets[1]}"
    if isinstance(value, dict):
        pairs = (f"{_repr(key, longest)}: {_repr(item, longest)}" for key, item in value.items())
        return "{" + _joined(pairs, longest) + "}"
    return repr(value)


def _joined(texts: Iterable[str], longest: int) -> str:
    """Texts with commas between them, as many as fit."""
    taken: list[str] = []
    length = 0
    for text in texts:
        taken.append(text)
        length += len(text) + 2
        if length > longest:
            break
    return ", ".join(taken)
