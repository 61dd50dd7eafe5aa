"""Matplotlib without a screen, and without a state that figures share."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.blocks.files.atomic_write import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write it as PNG, whole or not at all.

    Raises:
        SpecError: if it cannot be written.
    """
    from io import BytesIO

    image = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of a class's name
        figure.savefig(image, format="png")
    write_bytes(path, image.getvalue())


def as_label(name: str) -> str:
    """A name as matplotlib shows it as it is: `$` begins no formula."""
    return name.replace("$", r"\$")
