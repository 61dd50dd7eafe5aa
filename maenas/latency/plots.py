"""Plots of a latency table: predicted against measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maenas.terminal.figures import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from maenas.budgets.calibration.fitting import Calibrated, NetworkRow
    from maenas.budgets.pricing.table import LatencyTable


def plot_prediction_errors(table: LatencyTable, path: Path) -> None:
    """Plot predicted against measured milliseconds of the held-out networks of a table."""
    found = table.errors
    figure = new_figure()
    axes = figure.subplots()
    _draw_equality(axes, min(found.measured_ms), max(found.measured_ms))
    families: dict[str, list[int]] = {}
    for index, name in enumerate(found.names):
        family = re.split("[/:]", name.removeprefix("held-out/"))[0]  # of "res/s/3", "zoo:m"
        families.setdefault(family, []).append(index)
    for family, indices in sorted(families.items()):
        measured = [found.measured_ms[index] for index in indices]
        predicted = [found.predicted_ms[index] for index in indices]
        axes.scatter(measured, predicted, s=18, label=family)
    axes.set(xlabel="measured [ms]", ylabel="predicted [ms]", xscale="log", yscale="log")
    axes.set_title(
        f"{table.name}: {len(found.names)} networks held out, mean error {100 * found.mean:.1f} %"
    )
    axes.legend(loc="upper left")
    save_figure(figure, path)


def plot_calibration(rows: Sequence[NetworkRow], found: Calibrated, path: Path) -> None:
    """Plot predicted against given milliseconds of each row, fitted and left out."""
    figure = new_figure()
    axes = figure.subplots()
    given = [row.latency_ms for row in rows]
    _draw_equality(axes, min(given), max(given))
    for family in dict.fromkeys(row.family for row in rows):
        indices = [index for index, row in enumerate(rows) if row.family == family]
        measured = [given[index] for index in indices]
        left_out = [found.held_out_ms[index] for index in indices]
        fitted = [found.predicted_ms[index] for index in indices]
        points = axes.scatter(measured, left_out, s=22, label=family)
        colour = points.get_facecolor()
        axes.scatter(measured, fitted, s=22, facecolors="none", edgecolors=colour, linewidths=0.8)
    axes.set(xlabel="given [ms]", ylabel="predicted [ms]", xscale="log", yscale="log")
    axes.set_title(
        f"{found.model.device}: {len(rows)} networks, mean error {found.fit.held_out_mean:.1f} % "
        "left out (filled)\n"
        f"and {found.fit.mean_error:.1f} % fitted (open)",
        fontsize=10,
    )
    axes.legend(loc="upper left", fontsize=8)
    save_figure(figure, path)


def _draw_equality(axes: Axes, least: float, most: float) -> None:
    """Draw the line where predicted and measured latency agree, and a band of 10 %."""
    line = np.array([0.8 * least, 1.25 * most])
    axes.fill_between(line, 0.9 * line, 1.1 * line, color="lightgrey", label="within 10 %")
    axes.plot(line, line, color="black", linewidth=0.8)
