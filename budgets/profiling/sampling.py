"""Latency samples on a machine whose speed drifts, each taken next to a reference graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from maenas.budgets.backends.backend import LayerTime, Session

MIN_ROUNDS = 6
MAX_ROUNDS = 60
ROUND_MS = 20.0  # time of the graph, and of the reference, in one round; longer for slow graphs
MAX_RUNS = 40  # inferences per round
MIN_REFERENCE_RUNS = 3
MAX_STANDARD_ERROR = 0.01  # relative standard error of the median at which sampling stops
STRAYING = 0.5  # relative interquartile range of the reference above which a sample is noisy
NOISY = 0.15  # relative interquartile range above which a sample is noisy


@dataclass(frozen=True, slots=True)
class Samples:
    """Raw measurements of one graph.

    Attributes:
        ms: milliseconds of each inference.
        reference_ms: milliseconds of the reference graph just before each inference, as the mean
            of an equally long round.
        layers: time of each layer, as the mean over all inferences.
        warnings: "noisy", and the warnings of the device.
    """

    ms: tuple[float, ...]
    reference_ms: tuple[float, ...]
    layers: tuple[LayerTime, ...] = ()
    warnings: tuple[str, ...] = ()


def sample(session: Session, reference: Session, seconds: float) -> Samples:
    """Run reference and graph in turn, in rounds, until the median of their ratio is stable.

    Both run equally long in a round, so that a disturbance affects both alike.

    Args:
        session: session of the graph.
        reference: session of `reference_graph` on the same backend.
        seconds: inference time after which no further round begins, once `MIN_ROUNDS` are done;
            at least a fifth of it is always spent, because disturbances last.
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
        converged = spread(ratios) / np.sqrt(done) < MAX_STANDARD_ERROR and spent > seconds / 5
        if done >= MIN_ROUNDS and (converged or spent > seconds):
            break
    if is_noisy(ms, reference_ms):
        warnings["noisy"] = None
    times = tuple(
        replace(layer, us=max(0.0, spent_us[name] / len(ms))) for name, layer in layers.items()
    )
    return Samples(tuple(ms), tuple(reference_ms), times, tuple(warnings))


def _count(wanted_ms: float, once_ms: float, least: int) -> int:
    """Return the number of inferences that take about `wanted_ms`."""
    return max(least, min(MAX_RUNS, round(wanted_ms / max(once_ms, 1e-6))))


def is_noisy(ms: Sequence[float], reference_ms: Sequence[float]) -> bool:
    """Whether samples were disturbed: they, or the reference graph beside them, vary too much."""
    ratios = np.array(ms) / np.array(reference_ms)
    return spread(ratios) > NOISY or spread(np.array(reference_ms)) > STRAYING


def spread(values: NDArray[np.float64]) -> float:
    """Return the interquartile range relative to the median."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float((high - low) / middle)
