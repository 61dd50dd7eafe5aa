"""The comparison of the training steps of two trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bench_steps import ratio, turns

ROOT = Path(__file__).parents[2]


def test_the_ratio_is_that_of_neighbouring_steps_with_the_interval_of_its_median() -> None:
    first = [1.0] * 20
    second = [1.0 + 0.01 * place for place in range(20)]
    found = ratio((first, second))
    assert found.median == pytest.approx(1.095)
    # The median of 20 values lies between the 5th and the 15th with 95 %.
    assert (found.low, found.high) == (pytest.approx(1.04), pytest.approx(1.14))


@pytest.mark.slow
def test_a_tree_that_cannot_train_is_named(tmp_path: Path, capfd) -> None:
    with pytest.raises(SystemExit, match="its training has ended; see above"):
        turns((tmp_path, tmp_path), "no-such-model", 64, 2, 1)
    assert "no-such-model" in capfd.readouterr().err


@pytest.mark.slow
def test_both_trees_take_steps() -> None:
    first, second = turns((ROOT, ROOT), "ns", 64, 2, 2)
    assert len(first) == len(second) == 2
    assert min(*first, *second) > 0
