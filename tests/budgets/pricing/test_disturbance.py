"""A table is unreliable when too many of its samples, or of its networks, were disturbed."""

from __future__ import annotations

import pytest

from maenas.budgets.pricing.disturbance import Role, disturbance


def samples(role: Role, disturbed: int, calm: int) -> list[tuple[Role, bool]]:
    return [(role, True)] * disturbed + [(role, False)] * calm


@pytest.mark.parametrize(
    ("listed", "heavy"),
    [
        ([], False),
        (samples("fit", 1, 3), False),
        (samples("fit", 2, 3), True),
        (samples("operator", 13, 15), True),
        (samples("held-out", 2, 4) + samples("operator", 0, 90), True),  # operators hide nothing
        (samples("fit", 0, 30) + samples("operator", 4, 40), False),
    ],
)
def test_more_than_a_quarter_of_all_or_of_the_networks_is_too_much(listed, heavy: bool) -> None:
    assert disturbance(listed).is_heavy is heavy


def test_the_counts_are_shown() -> None:
    found = disturbance(samples("fit", 3, 5) + samples("operator", 10, 10))
    assert found.line() == "13 of 28 samples were disturbed (3 of 8 networks)"
    assert found.share == pytest.approx(13 / 28)
