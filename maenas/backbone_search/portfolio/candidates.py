"""The candidates of a portfolio: the certified optimum of each score in each variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import log
from pathlib import Path

import numpy as np

from maenas.backbone_search.plan import Subproblem, plan
from maenas.backbone_search.portfolio.options import PortfolioOptions
from maenas.backbone_search.results.result import Found
from maenas.backbone_search.tasks import prepare
from maenas.blocks.files.suffixes import is_yaml
from maenas.budgets import InfeasibleError
from maenas.budgets.arrays import Float64Array
from maenas.nas import TARGET_GAP, certify
from maenas.runs.config import SearchConfig

# Optima of these tilts and of the published score reach 0.78 of the attainable gain on both public
# tables, see benchmarks/results/portfolio.csv.
TILTS = ("log-macs:t=-1", "log-macs:t=0", "log-macs:t=1")
FURTHER = ("log-entropy", "activations", "params")  # only for portfolios of more networks
FEATURES = ("ln params", "ln activations", "layers", "ln input side")


@dataclass(frozen=True, slots=True)
class Candidate:
    """The best network of one score in one variant.

    Attributes:
        config: options that find this network alone.
        found: network with its certificate; None if no network meets the budgets.
        note: reason why there is none.
    """

    config: SearchConfig
    found: Found | None
    note: str = ""

    @property
    def name(self) -> str:
        """Name of the score, and what the variant differs in."""
        score = self.config.score
        text = Path(score).stem if is_yaml(score) else score
        return text.replace(":", "-").replace("=", "")

    def solve(self) -> Candidate:
        """The candidate with its network; a task."""
        (subproblem,) = plan(self.config)
        try:
            part = prepare(subproblem)
        except InfeasibleError as error:
            return replace(self, note=str(error))
        (certified,) = certify(part.options, target_gap=TARGET_GAP)
        if certified.genome is None:
            return replace(self, note="the exact solver found no network within the budgets")
        problem = subproblem.problem
        backbone = problem.space.decode(certified.genome.tolist())
        limit, cost = problem.ranged.limit, problem.cost(backbone)
        return replace(self, found=Found(subproblem, backbone, limit, cost, certified, None, True))


def candidates(options: PortfolioOptions) -> list[Candidate]:
    """The candidates to solve, the score of the options in the first variant first."""
    search, span = options.search, options.span
    variants = [*product(span.space, span.template, span.input_size)]
    scores = [search.score, *(text for text in TILTS if text != search.score)]
    if span.portfolio > len(scores) * len(variants):
        scores += [text for text in FURTHER if text != search.score]
    made = []
    for space, template, side in variants:
        for score in scores:
            weights = search.weights if score == search.score else None
            changed = replace(
                *(search,),
                space=space,
                template=template,
                input_size=side,
                score=score,
                weights=weights,
            )
            made.append(Candidate(changed, None))
    return made


def planned_subproblems(waiting: Sequence[Candidate]) -> list[Subproblem]:
    """The subproblem of each candidate, without a choice of the limit on layers.

    Raises:
        MaenasError: for invalid budgets, device, space or template.
    """
    variants: dict[object, Subproblem] = {}  # scores of one variant differ in the score alone
    planned = []
    for config in (each.config for each in waiting):
        key = (config.space, config.template, config.input_size)
        if key not in variants:
            (variants[key],) = plan(replace(config, layers=None))
        problem = replace(variants[key].problem, score=config.load_score())
        planned.append(replace(variants[key], problem=problem))
    return planned


def features_of(found: Sequence[Found]) -> Float64Array:
    """(n, 4), features of networks in which a portfolio is spread; see `FEATURES`."""
    rows = [
        (
            log(each.beside.params),
            log(each.beside.activations),
            each.backbone.layers,
            log(each.backbone.in_shape[1]),
        )
        for each in found
    ]
    return np.array(rows, dtype=np.float64)
