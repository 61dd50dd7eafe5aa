"""Samples of a latency on a machine whose speed drifts: always beside the same reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from maenas.budgets.backends.backend import LayerTime, Session

MIN_ROUNDS = 6
MAX_ROUNDS = 60
ROUND_MS = 20.0  # of the graph's own time in a round, and of the reference's; more for long graphs
MAX_RUNS = 40  # inferences a round
MIN_REFERENCE_RUNS = 3
SETTLED = 0.01  # relative standard error of the median to stop at
STRAYING = 0.5  # the same of the reference's times
NOISY = 0.15  # relative distance between the quartiles above which a sample is marked


@dataclass(frozen=True, slots=True)
class Samples:
    """What was measured of one graph, raw.

    Attributes:
        ms: milliseconds of each inference.
        reference_ms: of the reference graph just before each of them, mean over as long a time.
        layers: their mean over all inferences.
        warnings: "noisy" and what the device said.
    """

    ms: tuple[float, ...]
    reference_ms: tuple[float, ...]
    layers: tuple[LayerTime, ...] = ()
    warnings: tuple[str, ...] = ()


def sample(session: Session, reference: Session, seconds: float) -> Samples:
    """Rounds of reference and graph in turn, until the median of their ratio stands still.

    Both run equally long in a round, so that what disturbs one disturbs the other alike.

    Args:
        session: the graph.
        reference: of `reference_graph`, on the same backend.
        seconds: of inferences after which no further round begins, `MIN_ROUNDS` of them done; a
            fifth of it is spent in any case, since disturbances last.
    Raises:
        BackendError: if the device fails.
    """
    ms: list[float] = []
    reference_ms: list[float] = []
    layers: dict[str, LayerTime] = {}
    spent_us: dict[str, float] = {}
    warnings: dict[str, None] = {}
    once_ms = session.run(1).ms[0]
    runs = _count(ROUND_MS, once_ms, 1)
    reference_runs = _count(max(ROUND_MS, once_ms), reference.run(1).ms[0], MIN_REFERENCE_RUNS)
    spent = 0.0
    for done in range(1, MAX_ROUNDS + 1):
        before = reference.run(reference_runs).ms
        run = session.run(runs)
        spent += (sum(before) + sum(run.ms)) / 1e3
        ms += run.ms
        reference_ms += [mean(before)] * len(run.ms)
        warnings.update(dict.fromkeys(run.warnings))
        for layer in run.layers:
            layers[layer.name] = layer
            spent_us[layer.name] = spent_us.get(layer.name, 0.0) + layer.us * len(run.ms)
        ratios = np.array(ms) / reference_ms
        settled = spread(ratios) / np.sqrt(done) < SETTLED and spent > seconds / 5
        if done >= MIN_ROUNDS and (settled or spent > seconds):
            break
    if spread(ratios) > NOISY or spread(np.array(reference_ms)) > STRAYING:
        warnings["noisy"] = None
    times = tuple(
        replace(layer, us=max(0.0, spent_us[name] / len(ms))) for name, layer in layers.items()
    )
    return Samples(tuple(ms), tuple(reference_ms), times, tuple(warnings))


def _count(wanted_ms: float, once_ms: float, least: int) -> int:
    """Inferences that take about as long as wanted."""
    return max(least, min(MAX_RUNS, round(wanted_ms / max(once_ms, 1e-6))))


def spread(values: NDArray[np.float64]) -> float:
    """Distance between the quartiles, relative to the median."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float((high - low) / middle)
