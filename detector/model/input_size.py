"""What to say of an input size that does not fit the strides of a detector."""

from __future__ import annotations

from maenas.blocks.errors import SpecError

Size = tuple[int, int]


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
