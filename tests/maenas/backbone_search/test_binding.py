"""A search that leaves budget unused says which limit binds."""

from __future__ import annotations

from pathlib import Path

import pytest

from maenas.backbone_search.binding import unused_note
from maenas.backbone_search.effort import Effort
from maenas.backbone_search.results.lines import budget_line
from maenas.backbone_search.results.result import Result
from maenas.backbone_search.run import run_search
from maenas.backbone_search.verify import Measurement, Verified
from maenas.runs.config import SearchConfig
from tests.maenas.conftest import SMALL_SPACE


def small_run(folder: Path, *budgets: str) -> Result:
    (folder / "small.yaml").write_text(SMALL_SPACE)
    config = SearchConfig(
        budgets=budgets, space=str(folder / "small.yaml"), template="t", input_size=64,
        weights=(1.0, 1.0, 2.0, 4.0), algorithm="exact",
    )  # fmt: skip
    return run_search(config, folder / "run", effort=Effort(finalists=0))


def notes_of(folder: Path, *budgets: str) -> str:
    return " ".join(small_run(folder, *budgets).notes)


@pytest.mark.parametrize(
    ("budgets", "words"),
    [
        (("1GMACs",), "of space small (a --space of wider ranges lifts it)"),
        (("1GMACs", "9layers"), "the limit of 9 layers (--budget with more layers"),
    ],
)
def test_the_limit_that_binds_is_named(
    tmp_path: Path, budgets: tuple[str, ...], words: str
) -> None:
    notes = notes_of(tmp_path, *budgets)
    assert "of 1.000 GMACs is left unused" in notes
    assert words in notes


@pytest.mark.slow
def test_a_budget_that_is_used_needs_no_word(tmp_path: Path) -> None:
    assert "unused" not in notes_of(tmp_path, "100MMACs")


def test_a_measured_network_is_held_against_its_measurement(tmp_path: Path) -> None:
    """Of two finalists the faster one fits: its time counts, not its prediction of half of it."""
    result = small_run(tmp_path, "2ms@t4")
    best, limit = result.best, result.best.limit
    name = best.subproblem.problem.devices[0].name

    def verified(share: float) -> Verified:
        reading = Measurement(name, limit / 2, share * limit, share <= 1, ())
        return Verified(1, best.backbone, best.score, (reading,))

    assert unused_note(best, [verified(0.98), verified(1.2)]) is None
    note = unused_note(best, [verified(0.8), verified(1.2)])
    assert note is not None
    assert f"20 % of {limit:.3f} ms is left unused ({0.8 * limit:.3f} ms measured)" in note
    assert "every better network that was measured is beyond it (see --verify)" in note
    line = budget_line(best, best.subproblem.problem.ranged, 0.8 * limit)
    assert line.endswith(f"{0.8 * limit:.3f} ms measured, of {limit:.3f} ms (20.0 % to spare)")
