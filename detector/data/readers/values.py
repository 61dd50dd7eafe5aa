"""Parsing of numbers, booleans and names in annotation files; ambiguous values are rejected."""

from __future__ import annotations

from pathlib import Path

from maenas.blocks.files.words import name_of, shown
from maenas.detector.data.dataset import DataError

LONGEST_NUMBER = 30  # characters
LARGEST = 2**53  # larger integers are not exact as float64
LARGEST_SIDE = 2**31 - 1  # pixels, the most that any image format can state
LONGEST_NAME = 200  # characters of a class name
TRUTHS = {"0": False, "1": True, "false": False, "true": True}


def whole(value: object) -> int | None:
    """Parse an integer: 640, 640.0 or "640"; None for anything else."""
    if type(value) is int:
        return value if abs(value) <= LARGEST else None
    if isinstance(value, str) and value.isascii() and len(value) <= LONGEST_NUMBER:
        text = value.strip()
        return whole(int(text)) if text.removeprefix("-").isdecimal() else None
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST:
        return int(value)
    return None


def limit_of(value: object) -> str:
    """Limit of a whole number, as the end of a phrase; "" if `value` does not exceed it."""
    number = real(value)
    beyond = number is not None and abs(number) > LARGEST
    return f" of at most {LARGEST:,}" if beyond or _is_huge(value) else ""


def _is_huge(value: object) -> bool:
    return type(value) is int and abs(value) > LARGEST


def side(value: object) -> int | None:
    """Parse the height or width of an image in pixels; None unless it is one that can be."""
    number = whole(value)
    return number if number is not None and 0 < number <= LARGEST_SIDE else None


def real(value: object) -> float | None:
    """Parse a number: 1, 1.5 or "1.5"; None for anything else, including true and false."""
    if type(value) is float:
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and (
        len(value) > LONGEST_NUMBER or "_" in value or not value.isascii()
    ):
        return None  # Python reads 0_5 as 5
    try:
        return float(value) if isinstance(value, int | str) else None
    except (ValueError, OverflowError):
        return None


def number_fault(name: str, text: str | None) -> str:
    """What is wrong with the text of a number, as the end of a sentence; "" if it is one."""
    if text is None or not text.strip():
        return f"{name} is missing"
    if real(text) is not None:
        return ""
    advice = " (write a decimal point, and no separator of thousands)" if "," in text else ""
    return f"{name} must be a number, got {shown(text)}{advice}"


def truth(value: object) -> bool | None:
    """Parse a boolean: true, 1, 1.0, "1", "true" and their opposites; an absent value is false.

    None for anything else. Python's `bool` does not serve here, since `bool("0")` is true.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str):
        return TRUTHS.get(value.strip().lower())
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    return None


def class_name(where: Path | str, value: object) -> str:
    """Parse the name of a class.

    Raises:
        DataError: if the value is not text or a number, is empty, or has a control character.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DataError(f"{where}: must be text, got {name_of(value)}.")
    text = str(value)
    if not text.strip() or len(text) > LONGEST_NAME:
        raise DataError(
            f"{where}: must be text of 1 to {LONGEST_NAME} characters, got {shown(text)}."
        )
    if not text.isprintable():
        raise DataError(f"{where}: holds a character that cannot be printed: {shown(text)}.")
    return text
