"""Plots of latency tables: predicted against measured, residuals, prices over channels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maenas.latency.table_view import CHANNELS, SIDE, family_of
from maenas.terminal.figures import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from maenas.budgets.calibration.fitting import Calibrated, NetworkRow
    from maenas.budgets.pricing.table import LatencyTable
    from maenas.latency.table_view import TableView


def plot_prediction_errors(table: LatencyTable, path: Path) -> None:
    """Plot predicted against measured milliseconds of the held-out networks of a table."""
    found = table.errors
    figure = new_figure()
    axes = figure.subplots()
    _draw_equality(axes, min(found.measured_ms), max(found.measured_ms))
    families: dict[str, list[int]] = {}
    for index, name in enumerate(found.names):
        families.setdefault(family_of(name), []).append(index)
    for family, indices in sorted(families.items()):
        measured = [found.measured_ms[index] for index in indices]
        predicted = [found.predicted_ms[index] for index in indices]
        axes.scatter(measured, predicted, s=18, label=family)
    axes.set(xlabel="measured [ms]", ylabel="predicted [ms]", xscale="log", yscale="log")
    how = "left out in turn" if table.is_left_out_in_turn else "held out"
    axes.set_title(
        f"{table.name}: {len(found.names)} networks {how}, mean error {100 * found.mean:.1f} %"
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
    for axis in (axes.xaxis, axes.yaxis):  # plain numbers: the rows may span less than a decade
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
    axes.set_title(
        f"{found.model.device}: {len(rows)} networks, mean error {found.fit.held_out_mean:.1f} % "
        "left out (filled)\n"
        f"and {found.fit.mean_error:.1f} % fitted (open)",
        fontsize=10,
    )
    axes.legend(loc="upper left", fontsize=8)
    save_figure(figure, path)


def plot_table(view: TableView, path: Path) -> None:
    """Plot residuals by family and the price of common kernels over their channels."""
    figure = new_figure()
    rows = len(view.left_out) + len(view.families)
    figure.set_size_inches(10, max(4.5, 1.5 + 0.2 * rows))
    residuals, prices = figure.subplots(1, 2)
    _draw_residuals(residuals, view)
    for name, ms in view.curves.items():
        prices.plot(CHANNELS, ms, marker="o", markersize=3, label=name)
    prices.set(xlabel=f"input and output channels at {SIDE}x{SIDE}", ylabel="price [ms]")
    prices.set(xscale="log", yscale="log")
    prices.set_xticks(CHANNELS[::2], [str(channels) for channels in CHANNELS[::2]])
    prices.minorticks_off()
    prices.legend(fontsize=8)
    figure.suptitle(f"{view.entry.device}: {view.entry.protocol}", fontsize=10, wrap=True)
    save_figure(figure, path)


def _draw_residuals(axes: Axes, view: TableView) -> None:
    """Draw the error of each network that prices were not fitted to, in rows by family."""
    rows: dict[str, list[float]] = {}
    if view.errors is not None:
        found = view.errors
        for name, predicted, measured in zip(
            found.names, found.predicted_ms, found.measured_ms, strict=True
        ):
            rows.setdefault(family_of(name), []).append(100 * (predicted / measured - 1))
    else:
        rows = {name: [100 * error] for name, error in view.left_out.items()}
    axes.axvspan(-10, 10, color="lightgrey", label="within 10 %")
    axes.axvline(0, color="black", linewidth=0.8)
    if not rows:
        axes.text(0, 0, "the file holds none", ha="center", va="center")
    for place, errors in enumerate(rows.values()):
        axes.scatter(errors, [place] * len(errors), s=18)
    for family in view.families if view.errors is None else ():
        error = 100 * family.mean_error
        rows[f"{family.family} (mean)"] = [error]
        axes.plot([-error, error], [len(rows) - 1] * 2, linewidth=4, solid_capstyle="butt")
    axes.set_yticks(range(len(rows)), list(rows), fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="predicted against measured [%]", title="networks not fitted to")
    axes.legend(fontsize=8)


def _draw_equality(axes: Axes, least: float, most: float) -> None:
    """Draw the line where predicted and measured latency agree, and a band of 10 %."""
    line = np.array([0.8 * least, 1.25 * most])
    axes.fill_between(line, 0.9 * line, 1.1 * line, color="lightgrey", label="within 10 %")
    axes.plot(line, line, color="black", linewidth=0.8)
