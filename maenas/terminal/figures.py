"""Figures of matplotlib: one size and style for every plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maenas.blocks.files.atomic_write import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure() -> Figure:
    """A figure whose margins are computed from its texts, for plots of any shape."""
    return _figure("constrained")


def new_plot() -> Figure:
    """A figure for one pair of axes with fixed margins, which halves the time to draw it."""
    figure = _figure(None)
    figure.subplots_adjust(left=0.11, right=0.97, bottom=0.11, top=0.93)
    return figure


def _figure(layout: Literal["constrained"] | None) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), dpi=120, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    from io import BytesIO

    image = BytesIO()
    figure.savefig(image, format="png")
    write_bytes(path, image.getvalue())
