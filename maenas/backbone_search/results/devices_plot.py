"""The plot of a search on several devices: latency against latency, score as colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maenas.backbone_search.results.result import Found, Result
from maenas.backbone_search.tasks import PreparedSearch
from maenas.nas import Outcome
from maenas.nas.problem import PricedDevice
from maenas.terminal.figures import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEVICES_PLOT = "devices.png"
MAX_POINTS = 20_000
MARGIN = 0.05  # share of the largest limit beside the candidates


def plot_devices(prepared: PreparedSearch, outcome: Outcome, result: Result, path: Path) -> None:
    """Plot the latencies of candidates on the first device and on each other one.

    Candidates within the largest budgets are coloured by score, the best on top. A corner of two
    lines shows each pair of limits, a star the network found within it.
    """
    problem = prepared.subproblem.problem
    mine = [found for found in result.networks if found.subproblem is prepared.subproblem]
    first, *others = problem.devices
    figure = new_figure()
    figure.set_size_inches(7 * len(others), 4.8)
    indices = np.flatnonzero(outcome.feasible)
    indices = indices[:: max(1, len(indices) // MAX_POINTS)]
    indices = indices[np.argsort(outcome.scores[indices], kind="stable")]
    for place, other in enumerate(others, start=1):
        axes = figure.add_subplot(1, len(others), place)
        if len(indices):
            drawn = axes.scatter(
                outcome.latencies[indices, 0],
                outcome.latencies[indices, place],
                c=outcome.scores[indices],
                s=3,
                label=f"within all budgets ({int(outcome.feasible.sum()):,})",
            )
            figure.colorbar(drawn, ax=axes, label=f"{problem.score.name} score")
        _draw_found(axes, mine, first, other)
        least = [prepared.options.cheapest(device.axis)[0] for device in (first, other)]
        axes.axvline(least[0], color="black", linewidth=1, linestyle=":", label="cheapest network")
        axes.axhline(least[1], color="black", linewidth=1, linestyle=":")
        for limit_view, device, low in (
            (axes.set_xlim, first, least[0]),
            (axes.set_ylim, other, least[1]),
        ):
            high = max(
                max(one.limits.get(device.axis, 0.0), one.spent(device.axis)) for one in mine
            )
            limit_view(low - MARGIN * high, high * (1 + MARGIN))
        axes.set(
            xlabel=f"latency on {first.name} [ms, {first.model.claim}]",
            ylabel=f"latency on {other.name} [ms, {other.model.claim}]",
            title=f"Networks on {first.name} and {other.name}",
        )
        axes.legend(loc="upper left", fontsize=8)
    save_figure(figure, path)


def _draw_found(
    axes: Axes, networks: Sequence[Found], first: PricedDevice, other: PricedDevice
) -> None:
    """Draw the limits of each network as a corner, and the network as a star with its score."""
    for number, found in enumerate(networks):
        limits = found.limits
        x, y = limits.get(first.axis), limits.get(other.axis)
        spent = found.spent(first.axis), found.spent(other.axis)
        label = None if number else "budgets"
        if x is None:
            axes.axhline(y or 0.0, color="tab:red", linewidth=1, linestyle="--", label=label)
        elif y is None:
            axes.axvline(x, color="tab:red", linewidth=1, linestyle="--", label=label)
        else:
            axes.plot(
                [0, x, x], [y, y, 0], color="tab:red", linewidth=1, linestyle="--", label=label
            )
        mark = None if number else "found, with its score"
        axes.plot(*spent, "*", color="tab:red", markersize=12, label=mark)
        axes.annotate(f"{found.score:.1f}", spent, (8, -12), textcoords="offset points", fontsize=8)
