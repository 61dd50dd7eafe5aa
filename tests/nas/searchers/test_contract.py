"""Every searcher under the published contract."""

from __future__ import annotations

from functools import partial

import pytest

from maenas.blocks import SpecError
from maenas.nas import ALGORITHMS, Evolution, EvolutionOptions, RandomSearch
from maenas.testing import SearcherContract

SMALL = EvolutionOptions(first=64, population=8, patience=300, elite=4)


class TestSearchers(SearcherContract):
    searchers = (Evolution, RandomSearch, partial(Evolution, options=SMALL))


def test_every_algorithm_of_the_command_line_is_under_contract() -> None:
    assert set(ALGORITHMS.values()) <= set(TestSearchers.searchers)


@pytest.mark.parametrize("wrong", [{"population": 0}, {"tighter": (0.5, 1.5)}], ids=str)
def test_options_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="evolution: "):
        EvolutionOptions(**wrong)  # type: ignore[arg-type]
