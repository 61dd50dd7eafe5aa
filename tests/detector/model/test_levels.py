"""Levels: what belongs to p3, p4 and p5 is chosen by its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maenas.detector.model.levels import LEVELS, at_levels, by_level

DETECTOR = Path(__file__).parents[3] / "detector"


def test_values_carry_the_names_of_their_levels() -> None:
    assert by_level(("fine", "middle", "coarse")) == {"p3": "fine", "p4": "middle", "p5": "coarse"}


@pytest.mark.parametrize(
    ("levels", "chosen"), [((3,), ["fine"]), ((4, 5), ["middle", "coarse"]), (LEVELS, None)]
)
def test_values_are_chosen_by_the_number_of_their_level(
    levels: tuple[int, ...], chosen: list[str] | None
) -> None:
    values = ["fine", "middle", "coarse"]
    assert at_levels(values, levels) == (values if chosen is None else chosen)


def test_a_missing_level_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        at_levels(("fine", "middle"), (3,))


def test_no_other_file_computes_the_place_of_a_level() -> None:
    computed = re.compile(r"\blevel\s*-\s*(3|LEVELS)")
    assert [path.name for path in DETECTOR.rglob("*.py") if computed.search(path.read_text())] == []
