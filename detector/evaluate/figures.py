"""Matplotlib figures without a screen and without shared state."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.blocks.files.atomic_write import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; width and height in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure as PNG; a failed write leaves no partial file.

    Raises:
        SpecError: if the file cannot be written.
    """
    from io import BytesIO

    image = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a class name may need one
        figure.savefig(image, format="png")
    write_bytes(path, image.getvalue())


def as_label(name: str) -> str:
    """The name escaped for matplotlib, so that `$` does not begin a formula."""
    return name.replace("$", r"\$")
