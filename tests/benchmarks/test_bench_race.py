"""The benchmark of races: gains are those of the same seed, with Student's interval."""

from __future__ import annotations

import pytest

from benchmarks.bench_race import interval, summary


def row(data: str, seed: int, race: float, optimum: float) -> dict[str, str]:
    return {
        **{"data": data, "seed": str(seed), "race_ap": str(race)},
        **{"optimum_ap": str(optimum), "random_ap": "0.1"},
    }


def test_the_interval_is_students() -> None:
    # Mean 2, standard deviation 1, t of 2 degrees of freedom 4.303: 4.303 / sqrt(3) = 2.484
    assert interval([1.0, 2.0, 3.0]) == "+2.0000 [-0.4841, +4.4841]"
    assert interval([0.5]) == "+0.5000"


@pytest.mark.parametrize("order", [1, -1])
def test_gains_are_means_of_the_seeds_of_each_data_set_and_of_all(order: int) -> None:
    rows = [row("steel", 0, 0.2, 0.1), row("steel", 1, 0.4, 0.1), row("cells", 0, 0.3, 0.3)]
    lines = list(summary(rows[::order]))
    assert lines[0] == "all: 3 seeds; AP of race 0.3000, optimum 0.1667, random 0.1000"
    assert "cells: gain over optimum: +0.0000" in lines
    assert any(line.startswith("steel: gain over optimum: +0.2000 [") for line in lines)
