"""Plots of a latency table: predicted against measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maenas.terminal.figures import new_figure, save_figure

if TYPE_CHECKING:
    from maenas.budgets.pricing.table import LatencyTable


def plot_prediction_errors(table: LatencyTable, path: Path) -> None:
    """Plot predicted against measured milliseconds of the held-out networks of a table."""
    found = table.errors
    figure = new_figure()
    axes = figure.subplots()
    low, high = min(found.measured_ms) * 0.8, max(found.measured_ms) * 1.25
    line = np.array([low, high])
    axes.fill_between(line, 0.9 * line, 1.1 * line, color="lightgrey", label="within 10 %")
    axes.plot(line, line, color="black", linewidth=0.8)
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
