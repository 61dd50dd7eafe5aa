"""The contract of additive scores: a sum over stages, on which searches and certificates rely."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import yaml

from maenas.blocks import Backbone, SpecError
from maenas.budgets import Budget, parse_budgets
from maenas.nas import Evaluator, Problem, Score, certify
from maenas.nas.certificate.exact import DEFAULT_BINS
from maenas.nas.certificate.options import Options
from maenas.nas.scores.score import ends_level
from maenas.search_spaces import Space
from maenas.search_spaces.moves import Genomes
from maenas.search_spaces.space import parse_space

# Two stages share a level; depth, widths, kernels and an SPP vary; 1,296 networks at most.
SPACE = """\
in_shape: [3, 64, 64]
features: [1, 2, 3]
stages:
  - {block: focus_stem, out_channels: [16, 24]}
  - {block: res_k1kx, out_channels: [24, 32], bottleneck_channels: [8, 24], depth: [1, 2, 3]}
  - {block: res_k1kx, out_channels: [24, 48], bottleneck_channels: [8, 24], kernel_size: [3, 5],
     stride: 2, depth: [1, 2]}
  - {block: csp, out_channels: 48, bottleneck_channels: [16, 24], stride: 2, depth: [1, 2, 4]}
"""
LEVELS = 3
FREE = "1TMACs"
GAP = 1e-3
ROUNDING = 5 / DEFAULT_BINS  # share of the limit; rounding loses less than a bin per stage


class ScoreContract:
    """Tests of additive scores; derive a class from it whose name begins with `Test`.

    Attributes:
        scores: scores to test, with weights for three levels or without weights.
    """

    scores: ClassVar[Sequence[Score]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test for every score."""
        assert metafunc.cls is not None
        assert metafunc.cls.scores, f"{metafunc.cls.__name__}.scores: at least one is needed"
        if "score" in metafunc.fixturenames:
            metafunc.parametrize("score", metafunc.cls.scores, ids=lambda score: score.name)

    def test_it_is_a_value_that_travels(self, score: Score) -> None:
        assert pickle.loads(pickle.dumps(score)) == score
        assert hash(score) == hash(replace(score))  # type: ignore[type-var]

    def test_it_is_the_weighted_sum_over_operators_and_widths(self, score: Score) -> None:
        space, everything = contract_space(), every_genome()
        for genome in everything[::97]:
            backbone = space.decode(genome.tolist())
            assert score(backbone) == pytest.approx(plain_sum(score, backbone), rel=1e-9)
            assert sum(score.shares(backbone)) == pytest.approx(score(backbone), rel=1e-9)

    def test_the_tables_of_the_evaluator_give_the_score_of_each_network(self, score: Score) -> None:
        space, everything = contract_space(), every_genome()
        problem = Problem(space, parse_budgets([FREE]), score=score)
        some = everything[::41]
        found = Evaluator(problem)(some).scores
        wanted = [plain_sum(score, space.decode(genome.tolist())) for genome in some]
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9)

    @pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
    def test_the_exact_solver_finds_the_best_of_all_networks(
        self, score: Score, share: float
    ) -> None:
        space, everything = contract_space(), every_genome()
        macs = Evaluator(Problem(space, parse_budgets([FREE]), score=score))(everything)
        limit = float(np.quantile(macs.cost("macs"), share))
        problem = Problem(space, (Budget("macs", limit, "a share"),), score=score)
        evaluator = Evaluator(problem)
        all_ = evaluator(everything)
        best = float(all_.scores[all_.feasible].max())
        (found,) = certify(Options(evaluator))
        assert found.upper >= best
        assert found.score == pytest.approx(best, rel=GAP)
        # Costs are rounded down to bins, so networks slightly above the limit may be included.
        nearly = all_.scores[all_.cost("macs") <= limit * (1 + ROUNDING)].max()
        assert found.upper <= max(float(nearly), best) + GAP * abs(best)
        assert found.genome is not None
        assert problem.meets_budgets(space.decode(found.genome.tolist()))

    def test_weights_that_do_not_fit_the_levels_are_refused(self, score: Score) -> None:
        wrong = replace(score, weights=(1.0,) * (LEVELS + 1))  # type: ignore[type-var]
        with pytest.raises(SpecError, match="one per resolution level"):
            wrong.level_weights(LEVELS)


@cache
def contract_space() -> Space:
    """A space that is small enough to evaluate every network."""
    data = yaml.safe_load(SPACE)
    return parse_space(data, Path("contract.yaml"))


@cache
def every_genome() -> Genomes:
    """(n, genes), every legal genome of the space, by enumeration."""
    space = contract_space()
    codes = [list(space.legal_codes(index)) for index in range(len(space.stages))]
    genomes = [tuple(i for code in chosen for i in code) for chosen in product(*codes)]
    widths = [position for position, gene in enumerate(space.genes) if gene.field == "out_channels"]
    legal = [g for g in genomes if _ascends([float(space.genes[w].values[g[w]]) for w in widths])]
    return np.array(legal, dtype=np.int16)


def plain_sum(score: Score, backbone: Backbone) -> float:
    """The score as a plain sum over levels and stages of the amounts that the score defines."""
    levels = backbone.levels
    weights = score.level_weights(1 + max(levels))
    total = 0.0
    for index, ops in enumerate(backbone.stage_ops()):
        level = levels[index]
        counted = weights[level:] if score.cumulative else weights[level : level + 1]
        for weight in counted:
            total += weight * score.amount(backbone.stages[index], ops)
        if ends_level(levels, index):
            total += weights[level] * score.width(ops[-1].out_shape[0])
    return total


def _ascends(values: Sequence[float]) -> bool:
    return list(values) == sorted(values)
