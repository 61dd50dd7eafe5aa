"""The contract of searchers: legal candidates, repeatable searches, states that resume."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from functools import cache
from typing import ClassVar

import numpy as np
import pytest

from maenas.budgets import parse_budgets
from maenas.nas import (
    Evaluator,
    MaxEntropy,
    Problem,
    Searcher,
    SearcherFactory,
    Settings,
    cheapest_networks,
    search,
)
from maenas.nas.certificate.options import Options
from maenas.nas.history.memory import Memory
from maenas.search_spaces.moves import Genomes, Moves
from maenas.testing.scores import contract_space

BUDGET = "60MMACs"
BATCH = 64


class SearcherContract:
    """Tests of searchers; derive a class from it whose name begins with `Test`.

    Attributes:
        searchers: factories of the searchers to test: classes, or partials of classes.
    """

    searchers: ClassVar[Sequence[SearcherFactory]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test for every searcher."""
        assert metafunc.cls is not None
        assert metafunc.cls.searchers, f"{metafunc.cls.__name__}.searchers: one is needed"
        if "make" in metafunc.fixturenames:
            metafunc.parametrize("make", metafunc.cls.searchers)

    def test_it_travels(self, make: SearcherFactory) -> None:
        assert pickle.loads(pickle.dumps(make)) is not None

    def test_it_never_asks_for_more_than_it_may_nor_for_what_is_illegal(
        self, make: SearcherFactory
    ) -> None:
        evaluator, start = contract_problem()
        moves = Moves(evaluator.problem.space)
        for count in (1, 7, BATCH):
            asked = started(make, evaluator, start).ask(count)
            assert len(asked) <= count
            assert moves.legal(asked).all()

    def test_one_seed_gives_one_search(self, make: SearcherFactory) -> None:
        evaluator, start = contract_problem()
        settings = Settings(2_000, 3, (evaluator.problem.ranged.limit,), searcher=make)
        first, again = (search(evaluator, settings, start) for _ in range(2))
        assert first.scores.tolist() == again.scores.tolist()
        assert first.best == again.best

    def test_it_goes_on_from_its_state_as_if_it_had_never_stopped(
        self, make: SearcherFactory
    ) -> None:
        evaluator, start = contract_problem()
        whole, memory, known = started(make, evaluator, start), Memory(5), start[:0]
        for _ in range(6):
            known = one_round(whole, evaluator, memory, known)
        state = json.loads(json.dumps(whole.state()))  # as stored in the file of a run
        rows = np.array(state["rows"], dtype=np.int64)
        resumed = started(make, evaluator, start)
        resumed.restore(state, known[rows], memory.at(rows))
        for _ in range(3):
            assert whole.ask(BATCH).tolist() == resumed.ask(BATCH).tolist()

    def test_every_network_it_returns_is_within_the_budget(self, make: SearcherFactory) -> None:
        evaluator, start = contract_problem()
        problem = evaluator.problem
        settings = Settings(2_000, 0, (problem.ranged.limit,), searcher=make)
        (best,) = search(evaluator, settings, start).best
        assert best is not None
        assert problem.meets_budgets(best)


@cache
def contract_problem() -> tuple[Evaluator, Genomes]:
    """A small space under a budget that binds, and its cheapest network."""
    score = MaxEntropy((1.0, 1.0, 4.0))
    evaluator = Evaluator(Problem(contract_space(), parse_budgets([BUDGET]), score=score))
    return evaluator, cheapest_networks(Options(evaluator))


def started(make: SearcherFactory, evaluator: Evaluator, start: Genomes) -> Searcher:
    """A new searcher that has not proposed any genome."""
    rng = np.random.Generator(np.random.PCG64(7))
    problem = evaluator.problem
    return make(Moves(problem.space), rng, start, (problem.ranged.limit,))


def one_round(searcher: Searcher, evaluator: Evaluator, memory: Memory, known: Genomes) -> Genomes:
    """Run one round of ask and tell; returns all networks so far, in order of first proposal."""
    asked = searcher.ask(BATCH)
    if not len(asked):
        return known
    first = len(memory)
    rows, indices = np.unique(memory.rows(asked), return_index=True)
    asked = asked[indices]
    fresh = asked[rows >= first]
    if len(fresh):
        memory.add(first, evaluator(fresh))
    searcher.tell(asked, memory.at(rows), rows)
    return np.concatenate([known, fresh])
