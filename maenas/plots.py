"""Pictures of a search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blocks.strict import write_bytes
from maenas.result import Result
from maenas.tasks import Prepared, Reference
from nas import Outcome, certify

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_POINTS = 20_000
FRONT_POINTS = 40


def plot_curve(outcome: Outcome, reference: Reference, path: Path) -> None:
    """Best score over evaluations, random search and the certified optimum beside it."""
    figure = _figure()
    axes = figure.subplots()
    total = max(outcome.evaluations, 1)
    for name, curve in (("this search", outcome.curve), ("random search", reference.random.curve)):
        if curve:
            counts, scores = zip(*(*curve, (total, curve[-1][1])), strict=True)
            axes.step(counts, scores, where="post", label=f"{name}: {scores[-1]:.2f}")
    upper = reference.certified[-1].upper
    axes.axhline(upper, color="black", linestyle=":", label=f"certified optimum <= {upper:.2f}")
    axes.set(xlabel="candidates", ylabel="best score [nats]", xscale="log")
    axes.set_title("Best score so far")
    axes.legend(loc="lower right")
    _save(figure, path)


def plot_scatter(
    prepared: Prepared, outcome: Outcome, result: Result, path: Path
) -> None:
    """Price and score of evaluated networks, the certified front, the budget."""
    problem = prepared.segment.problem
    ranged = problem.ranged
    scale, unit = {
        "latency_ms": (1.0, f"latency [ms, {problem.device.kind}]" if problem.device else ""),
        "macs": (1e9, "GMACs"),
        "params": (1e6, "params [M]"),
        "layers": (1.0, "layers"),
        "memory_bytes": (1e6, "largest operator [MB]"),
    }[ranged.quantity]
    figure = _figure()
    axes = figure.subplots()
    step = max(1, len(outcome.prices) // MAX_POINTS)
    axes.scatter(
        outcome.prices[::step] / scale,
        outcome.scores[::step],
        s=2,
        alpha=0.3,
        color="tab:blue",
        label=f"evaluated ({len(outcome.prices):,})",
        rasterized=True,
    )
    least, _ = prepared.options.cheapest(ranged.quantity)
    limits = np.linspace(least, ranged.limit, FRONT_POINTS).tolist()
    if ranged.quantity in ("latency_ms", "macs", "params"):
        front = certify(prepared.options, limits)
        axes.plot(
            [c.limit / scale for c in front],
            [c.upper for c in front],
            color="black",
            linewidth=1,
            label="certified front",
        )
    for found in result.networks:
        if found.segment is prepared.segment:
            spent = getattr(found.cost, ranged.quantity, found.backbone.layers)
            axes.plot(spent / scale, found.score, "*", color="tab:red", markersize=12)
    if result.published is not None and problem.device is not None:
        score, price = result.published
        axes.plot(price.latency_ms, score, "D", color="tab:green", label="published backbone")
    axes.axvline(ranged.limit / scale, color="tab:red", linestyle="--", label="budget")
    axes.set(xlabel=unit, ylabel="score [nats]")
    axes.set_xlim(least / scale * 0.95, ranged.limit / scale * 1.15)
    axes.set_title("Every evaluated network")
    axes.legend(loc="lower right")
    _save(figure, path)


def _figure() -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    from io import BytesIO

    image = BytesIO()
    figure.savefig(image, format="png")
    write_bytes(path, image.getvalue())
