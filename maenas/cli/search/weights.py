"""`--weights`: a list of numbers in one argument."""

from __future__ import annotations


def parse_weights(text: str) -> tuple[float, ...]:
    """Numbers separated by commas.

    Raises:
        SpecError: if the text has another form.
    """
    from maenas.blocks.errors import SpecError

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise SpecError(
            f"weights: must be numbers separated by commas, such as 0,0,1,1,6; got {text!r}."
        ) from None
