"""Figures of matplotlib: one size and style for every plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from maenas.blocks.files.atomic_write import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure() -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    from io import BytesIO

    image = BytesIO()
    figure.savefig(image, format="png")
    write_bytes(path, image.getvalue())
