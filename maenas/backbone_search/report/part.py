"""One subproblem of a search as its report shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from maenas.backbone_search.plan import published
from maenas.backbone_search.results.bounds import place
from maenas.backbone_search.results.plots import axis_label, certified_front, divisor_of
from maenas.backbone_search.results.result import Found, Result
from maenas.backbone_search.tasks import BoundsAndBaseline, PreparedSearch
from maenas.blocks import Backbone
from maenas.budgets import show
from maenas.nas import Certified, Outcome
from maenas.nas.history.sample import Sample, non_dominated
from maenas.report import Candidates, Column, PlainNetwork
from maenas.search_spaces.moves import Genomes

MOST_ON_PAGE = 6_000  # cells of all charts together, so that a page stays small
DIGITS: Mapping[str, int] = {"layers": 0, "memory_bytes": 2}


@dataclass(frozen=True, slots=True)
class SearchPart:
    """One subproblem with what was found in it.

    Attributes:
        prepared: prepared subproblem.
        outcome: outcome of the search.
        reference: bounds and random baseline.
        front: certificates along the ranged budget.
        parts: number of parts of the search.
    """

    prepared: PreparedSearch
    outcome: Outcome
    reference: BoundsAndBaseline
    front: tuple[Certified, ...]
    parts: int = 1

    @classmethod
    def of(
        cls,
        prepared: PreparedSearch,
        outcome: Outcome,
        reference: BoundsAndBaseline,
        parts: int = 1,
    ) -> SearchPart:
        """The part, with its certified front."""
        paired = prepared.subproblem.problem.paired
        most = reference.certified[-1].upper  # of the largest limit, so of every other one too
        front = tuple(
            replace(one, upper=min(one.upper, most))
            for one in (reference.certified if paired else certified_front(prepared))
        )
        return cls(prepared, outcome, reference, front, parts)

    def title(self, what: str) -> str:
        """Heading of a section, with the scale if there are several."""
        return what if self.parts == 1 else f"{what}: {self.name}"

    @property
    def name(self) -> str:
        """Name of the scale."""
        return self.prepared.subproblem.template.name

    @property
    def sample(self) -> Sample | None:
        """Networks that stand for all within the budgets; the parts of a page share its cells."""
        sample = self.outcome.sample
        return None if sample is None else sample.coarser(MOST_ON_PAGE // self.parts)

    @property
    def score_name(self) -> str:
        """Name of the score, with its unit."""
        score = self.prepared.subproblem.problem.score
        return f"{score.name} score" + (f" [{score.unit}]" if score.unit else "")


@dataclass(frozen=True, slots=True)
class Listed:
    """The networks of a part in one list, and where each kind lies in it.

    Attributes:
        candidates: all networks.
        axes: axis of each column of their costs.
        cells: number of networks at the beginning that stand for a cell of the cloud.
        best: networks that no other beats in cost and score, cheapest first.
        found: results of the search and their indices.
        rises: index of the network of each rise of the search's best score; -1 if unknown.
        random_rises: the same for the random baseline.
    """

    candidates: Candidates
    axes: tuple[str, ...]
    cells: int
    best: tuple[int, ...]
    found: tuple[tuple[Found, int], ...]
    rises: tuple[int, ...]
    random_rises: tuple[int, ...]


def listed(part: SearchPart, result: Result) -> Listed:
    """Every network of a part that its report names."""
    problem, sample = part.prepared.subproblem.problem, part.sample
    random = part.reference.random.sample
    found = [one for one in result.networks if one.subproblem is part.prepared.subproblem]
    solved = [one for one in part.front if one.genome is not None]
    none = np.empty((0, len(problem.space.genes)), dtype=np.int16)
    groups: list[Genomes] = [
        none if sample is None else sample.genomes,
        none if random is None else random.genomes[random.rises[random.rises >= 0]],
        _stacked([one.genome for one in solved], none),
        _stacked([np.array(problem.space.encode(one.backbone)) for one in found], none),
    ]
    starts = np.cumsum([0, *(len(group) for group in groups)]).tolist()
    genomes = np.concatenate(groups)
    costs = part.prepared.evaluator(genomes)
    counts = np.zeros(len(genomes), dtype=np.int64)
    if sample is not None:
        counts[: len(sample.counts)] = sample.counts
    names = {
        starts[2] + i: f"exact solver within {_limit(part, one.limit)}"
        for i, one in enumerate(solved)
    }
    names |= {starts[3] + i: _found_name(part, one, result) for i, one in enumerate(found)}
    shown = np.concatenate([np.arange(starts[1]), np.arange(starts[2], len(genomes))])
    shown = shown[costs.feasible[shown]]
    best = shown[non_dominated(costs.scores[shown], costs.prices[shown])]
    return Listed(
        candidates=Candidates(
            problem.space,
            genomes,
            costs.scores,
            counts,
            _columns(part, costs.prices, costs.costs),
            part.score_name,
            names,
            _published(part),
        ),
        axes=_axes(part),
        cells=0 if sample is None else sample.cells,
        best=tuple(best.tolist()),
        found=tuple((one, starts[3] + index) for index, one in enumerate(found)),
        rises=() if sample is None else tuple(sample.rises.tolist()),
        random_rises=() if random is None else _places(random.rises.tolist(), starts[1]),
    )


def _stacked(genomes: list[Genomes | None], none: Genomes) -> Genomes:
    rows = [genome for genome in genomes if genome is not None]
    return np.array(rows, dtype=np.int16) if rows else none


def _places(rises: list[int], start: int) -> tuple[int, ...]:
    """Indices of the networks of rises that are listed without gaps from `start` on."""
    found, place = [], start
    for rise in rises:
        found.append(place if rise >= 0 else -1)
        place += rise >= 0
    return tuple(found)


def _limit(part: SearchPart, limit: float) -> str:
    return show(part.prepared.subproblem.problem.ranged.quantity, limit)


def _found_name(part: SearchPart, found: Found, result: Result) -> str:
    if found is result.best:
        return "best network"
    return f"result within {_limit(part, found.limit)}"


def _axes(part: SearchPart) -> tuple[str, ...]:
    """The axes of the costs shown, that of the ranged budget first."""
    problem = part.prepared.subproblem.problem
    ranged = problem.ranged.axis
    others = [axis for axis in problem.axes if axis != ranged or problem.paired]
    if problem.device is None:
        others = [axis for axis in others if axis != "latency_ms"]
    return ranged, *others


def _columns(part: SearchPart, prices: np.ndarray, costs: np.ndarray) -> list[Column]:
    """The costs of networks, that of the ranged budget first."""
    problem = part.prepared.subproblem.problem
    ranged, *others = _axes(part)
    known = list(problem.axes)
    columns = [_column(part, ranged, prices)]
    columns += [_column(part, axis, costs[:, known.index(axis)]) for axis in others]
    if problem.paired:  # the price is the least limit that admits a network
        columns[0] = replace(columns[0], label=f"limit{place(problem, ranged)}")
    return columns


def _column(part: SearchPart, axis: str, values: np.ndarray) -> Column:
    label, unit = axis_label(part.prepared.subproblem.problem, axis)
    return Column(label, unit, values, divisor_of(axis), DIGITS.get(axis, 3))


def _published(part: SearchPart) -> PlainNetwork | None:
    """The published backbone of the scale, to draw beside; None if its input is another one."""
    backbone = published(part.prepared.subproblem)
    if backbone is None:
        return None
    return PlainNetwork(f"damo-yolo-{part.name}, published", backbone)


def published_place(part: SearchPart) -> tuple[float, float, str] | None:
    """Cost, score and name of the published backbone; None if they do not compare."""
    problem = part.prepared.subproblem.problem
    backbone: Backbone | None = published(part.prepared.subproblem)
    if backbone is None or 1 + max(backbone.levels) != len(problem.weights):
        return None
    spent = part.prepared.evaluator.price_of(backbone)
    return (
        spent / divisor_of(problem.ranged.axis),
        problem.score(backbone),
        f"damo-yolo-{part.name}",
    )
