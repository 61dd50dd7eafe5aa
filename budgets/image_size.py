"""Image sizes as users write them: the side of a square, or height and width."""

from __future__ import annotations

import re

from maenas.blocks.errors import MaenasError

InputSize = int | tuple[int, int] | None  # side of a square image, or (height, width)


def parse_input_size(text: str | None) -> InputSize:
    """Return the size that a text describes: "640", or height and width as in "64x320".

    Raises:
        MaenasError: if the text is not a size.
    """
    return None if text is None else parse_size(text)


def parse_size(text: str) -> int | tuple[int, int]:
    """Return the size that a text describes, as `parse_input_size` for a text that is there."""
    match = re.fullmatch(r"(\d{1,6})(?:[xX](\d{1,6}))?", text.strip())
    if match is None:
        raise MaenasError(
            f"input_size: must be a side or HEIGHTxWIDTH, as in 640 or 64x320; got {text!r}."
        )
    height = int(match[1])
    return height if match[2] is None else (height, int(match[2]))


def image_shape(size: int | tuple[int, int], channels: int) -> tuple[int, int, int]:
    """Return (channels, height, width) of images of a size."""
    return channels, *sides_of(size)


def sides_of(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) of images of a size."""
    return size if isinstance(size, tuple) else (size, size)


def shown_size(size: InputSize) -> str:
    """Return a size as users write it."""
    return "" if size is None else "x".join(map(str, size if isinstance(size, tuple) else (size,)))
