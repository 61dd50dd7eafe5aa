"""Random networks of equal cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from maenas.blocks import SpecError
from maenas.evidence.draw import drawn_networks
from maenas.evidence.options import JudgeOptions
from tests.maenas.conftest import SMALL_SPACE
from tests.trainings import write_data


@pytest.fixture
def options(tmp_path: Path) -> JudgeOptions:
    (tmp_path / "small.yaml").write_text(SMALL_SPACE, encoding="utf-8")
    data = write_data(tmp_path / "data")
    return JudgeOptions(
        at="100MMACs",
        data=str(data),
        space=str(tmp_path / "small.yaml"),
        template="t",
        input_size=64,
        networks=12,
    )


def test_networks_of_a_space_of_the_user_s_own_have_the_size_that_it_states(
    options: JudgeOptions,
) -> None:
    space = replace(options, input_size=None).subproblem().problem.space
    assert space.in_shape == (3, 64, 64)  # the template has 640


@pytest.mark.parametrize("equal_depth", [False, True])
def test_networks_differ_and_have_nearly_the_same_cost(
    options: JudgeOptions, equal_depth: bool
) -> None:
    subproblem = options.subproblem()
    found = drawn_networks(subproblem, 12, 0.1, equal_depth, 0)
    costs = [subproblem.problem.cost(each).macs for each in found]
    assert len(set(found)) == 12
    assert min(costs) >= 100e6 / 1.1
    assert max(costs) <= 100e6
    assert (len({each.layers for each in found}) == 1) == equal_depth
    assert found == drawn_networks(subproblem, 12, 0.1, equal_depth, 0)
    assert found != drawn_networks(subproblem, 12, 0.1, equal_depth, 1)


def test_too_few_networks_in_the_band_are_told(
    options: JudgeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maenas.evidence.draw.MOST_DRAWN", 20_000)
    with pytest.raises(SpecError, match=r"found \d+ networks within 0.001 % below 0.100 GMACs"):
        drawn_networks(options.subproblem(), 500, 1e-5, False, 0)


def test_a_cost_that_no_network_has_is_told_with_the_largest(options: JudgeOptions) -> None:
    words = (
        r"found 0 networks within 5 % below 1\.000 GMACs, 12 are needed; the largest of those "
        r"drawn below it has 0\.\d+ GMACs; ask for fewer, widen --band"
    )
    with pytest.raises(SpecError, match=words):
        drawn_networks(replace(options, at="1GMACs").subproblem(), 12, 0.05, False, 0)
    with pytest.raises(SpecError, match="GMACs; widen --band"):  # 10 are the fewest
        drawn_networks(replace(options, at="1GMACs").subproblem(), 10, 0.05, False, 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"networks": 9}, "at least 10 for a rank correlation, got 9"),
        ({"band": 0.0}, "band must lie above 0"),
        ({"short_epochs": 24}, "short_epochs must lie between 1 and 23"),
        ({"repeats": 49}, "repeats must lie between 0 and 48"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_wrong_options_are_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        JudgeOptions(**changes)  # type: ignore[arg-type]
