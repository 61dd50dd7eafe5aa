"""Input sizes that fit the strides of a detector, and what to say of others."""

from __future__ import annotations

from maenas.blocks.backbone import LARGEST_SIDE
from maenas.blocks.errors import SpecError
from maenas.budgets.image_size import InputSize, shown_size, sides_of

Size = tuple[int, int]
STRIDE = 32  # stride of the coarsest feature map; input sides are multiples of it


def require_detector_size(where: str, size: InputSize) -> None:
    """Raise `SpecError` unless each side is one that a detector can have, or no size is given."""
    if size is not None and any(
        side % STRIDE or not STRIDE <= side <= LARGEST_SIDE for side in sides_of(size)
    ):
        raise SpecError(
            f"{where}: input_size must be a positive multiple of {STRIDE}, got "
            f"{shown_size(size)}; at most {LARGEST_SIDE:,}."
        )


def size_error(
    where: str, stride: int, above: Size, exact: tuple[bool, bool], got: str
) -> SpecError:
    """The error of an input size, with the nearest sizes that fit.

    Args:
        where: place of the error, such as "neck".
        stride: stride of the coarsest feature in pixels.
        above: size (height, width) rounded up to multiples of the stride.
        exact: whether height and width are multiples already.
        got: what was given, as text.
    """
    height, width = (
        side if fits else side - stride for side, fits in zip(above, exact, strict=True)
    )
    below = f"{height}x{width} or " if height and width else ""
    return SpecError(
        f"{where}: the input size (--input-size, or in_shape in a file) must be a multiple of "
        f"{stride} in height and width, such as {below}{above[0]}x{above[1]}, got {got}."
    )
