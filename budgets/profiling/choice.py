"""Choice of the graphs that a transfer measures: those that tell most about whole networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maenas.blocks.op import Op
from maenas.budgets.arrays import Float64Array
from maenas.budgets.pricing.disturbance import Role
from maenas.budgets.pricing.kernels import kernel_of
from maenas.budgets.pricing.operator_model import Observation, OperatorModel, matrix_of, nearest
from maenas.budgets.pricing.table import NETWORK_WEIGHT, WEIGHTS
from maenas.budgets.pricing.transfer import NOISE, Columns
from maenas.budgets.profiling.profile import Item
from maenas.budgets.profiling.sampling import MIN_ROUNDS, ROUND_MS

TARGETS: tuple[Role, ...] = ("fit",)  # roles of the networks to be predicted well
PREPARATION_S = 1.0  # to compile a graph and to warm it up


@dataclass(frozen=True, slots=True)
class Candidate:
    """A graph that may be measured.

    Attributes:
        item: graph.
        ops: operators of the graph.
    """

    item: Item
    ops: tuple[Op, ...]


def most_informative(
    candidates: Sequence[Candidate],
    source: OperatorModel,
    count: int,
    seconds: float,
    has_layers: bool,
) -> list[Candidate]:
    """Return the candidates that leave the least uncertainty about the latency of networks.

    They are chosen one by one: each time the graph whose measurement, given those chosen before,
    reduces the mean variance of the predicted latency of the drawn networks most.

    Args:
        candidates: graphs to choose from; those that the source cannot price are skipped.
        source: prices of the table to transfer.
        count: number of graphs.
        seconds: time limit; the source predicts how long each graph takes.
        has_layers: whether the runtime reports the times of layers.
    """
    known = [
        one for one in candidates if all(nearest(kernel_of(op), source.kernels) for op in one.ops)
    ]
    columns = Columns.of(source.kernels, [Observation(one.ops, 1.0) for one in known])
    rows = [_sensitivities(one, columns, has_layers) for one in known]
    costs = [measuring_seconds(source.latency_ms(one.ops), seconds) for one in known]
    networks = [each[-1] for one, each in zip(known, rows, strict=True) if one.item.role in TARGETS]
    if not networks:
        return []
    targets = np.array(networks)
    covariance = np.eye(targets.shape[1])
    chosen: list[int] = []
    left, count = seconds, min(count, len(known))
    while len(chosen) < count:
        reserve = min(costs) * (count - len(chosen) - 1)
        free = [i for i in range(len(known)) if i not in chosen and costs[i] <= left]
        free = [i for i in free if costs[i] + reserve <= left] or free
        if not free:
            break
        seen = covariance @ targets.T
        best = max(free, key=lambda i: _reduction(rows[i], covariance, seen))
        covariance = _updated(covariance, rows[best])
        chosen.append(best)
        left -= costs[best]
    return [known[index] for index in chosen]


def measuring_seconds(milliseconds: float, limit: float) -> float:
    """Return the time that a graph is expected to take, with its share of the reference graph."""
    rounds = 2 * MIN_ROUNDS * max(ROUND_MS, milliseconds) / 1e3
    return PREPARATION_S + max(rounds, limit / 150)


def _sensitivities(one: Candidate, columns: Columns, has_layers: bool) -> Float64Array:
    """Return the change of each observation of a graph with each part, relative to its noise.

    The whole graph stands last.
    """
    weight = WEIGHTS[one.item.role]
    observations = [Observation(one.ops, 1.0, weight * NETWORK_WEIGHT)]
    if has_layers:
        layers = [Observation((op,), 1.0, weight) for op in one.ops]
        observations = layers if one.item.role == "operator" else layers + observations
    times = matrix_of(observations, columns.first, len(columns.us)).multiply(columns.us[None, :])
    shares = times.toarray()
    totals = np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    weights = np.array([[observation.weight] for observation in observations])
    found: Float64Array = (shares / totals) @ columns.parts * weights / NOISE
    return found


def _reduction(rows: Float64Array, covariance: Float64Array, seen: Float64Array) -> float:
    """Return the decrease of the summed variance of the targets by the observations of a graph.

    Args:
        rows: (observations, parts), sensitivities of the observations.
        covariance: (parts, parts), covariance of the parts so far.
        seen: (parts, targets), covariance of parts and targets.
    """
    told = rows @ seen
    return float(np.sum(told * np.linalg.solve(_spread(rows, covariance), told)))


def _updated(covariance: Float64Array, rows: Float64Array) -> Float64Array:
    """Return the covariance of the parts after the observations of a graph."""
    told = rows @ covariance
    found: Float64Array = covariance - told.T @ np.linalg.solve(_spread(rows, covariance), told)
    return found


def _spread(rows: Float64Array, covariance: Float64Array) -> Float64Array:
    """Return the covariance of the observations of a graph, their noise included."""
    found: Float64Array = rows @ covariance @ rows.T + np.eye(len(rows))
    return found
