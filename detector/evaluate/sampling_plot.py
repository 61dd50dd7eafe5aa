"""Plot of how often each source and class is drawn, without and with a sampling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maenas.detector.evaluate.figures import as_label, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from maenas.detector.data.sampling.stats import DataStats, Frequency

MOST_CLASSES = 40  # bars of classes that can be read; more are left out in the middle
LONGEST = 28  # characters of a name
ROW = 0.24  # inches per bar
BEFORE, AFTER = "#b8bec6", "#2563a8"


def save_stats(stats: DataStats, path: Path) -> None:
    """Write the plot as PNG.

    Raises:
        SpecError: if the file cannot be written.
    """
    classes = sorted((each for each in stats.classes if each.images), key=lambda c: -c.images)
    shown, left_out = ends(classes, MOST_CLASSES)
    heights = [len(stats.sources) + 3.5, len(shown) + 3.5]
    figure = new_figure(9.0, ROW * sum(heights) + 0.4)
    grid = figure.add_gridspec(2, 2, height_ratios=heights, width_ratios=(3, 2))
    for row, (rows, what) in enumerate(((stats.sources, "source"), (shown, "class"))):
        shares, epochs = (figure.add_subplot(grid[row, column]) for column in (0, 1))
        draw_shares(shares, rows, what)
        draw_epochs(epochs, rows)
    if left_out:
        text = f"{left_out:,} classes between the most and the least frequent are not shown"
        figure.supxlabel(text, fontsize=8)
    title = f"{stats.source.name}, {stats.split}: an epoch draws {stats.drawn:,} images"
    figure.suptitle(as_label(title), fontsize=10)
    save_figure(figure, path)


def ends(rows: Sequence[Frequency], most: int) -> tuple[list[Frequency], int]:
    """The first and last rows, `most` in all, and how many are left out between them."""
    if len(rows) <= most:
        return list(rows), 0
    return [*rows[: most - most // 2], *rows[-(most // 2) :]], len(rows) - most


def draw_shares(axes: Axes, rows: Sequence[Frequency], what: str) -> None:
    """Draw a pair of bars per row: share of the images, and share of the draws."""
    places = range(len(rows))
    axes.barh(
        [place - 0.2 for place in places],
        [100 * row.share for row in rows],
        0.4,
        color=BEFORE,
        label="of the images",
    )
    axes.barh(
        [place + 0.2 for place in places],
        [100 * row.drawn_share for row in rows],
        0.4,
        color=AFTER,
        label="of an epoch's draws",
    )
    axes.set_yticks(list(places), [as_label(shortened(row.name)) for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("%", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title(f"share by {what}", fontsize=9)
    axes.legend(fontsize=7, loc="lower right")


def draw_epochs(axes: Axes, rows: Sequence[Frequency]) -> None:
    """Draw a bar per row: how often each of its images is drawn in an epoch."""
    axes.barh(range(len(rows)), [row.epochs for row in rows], 0.6, color=AFTER)
    axes.axvline(1.0, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.15 * max(1.0, *(row.epochs for row in rows)))
    axes.set_title("draws per image and epoch", fontsize=9)
    for place, row in enumerate(rows):
        axes.text(row.epochs, place, f" {row.epochs:.2f}", va="center", fontsize=7)


def shortened(name: str) -> str:
    """The name, cut to a length that fits beside its bar."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
