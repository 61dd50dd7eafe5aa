"""A search that leaves budget unused says which limit binds."""

from __future__ import annotations

from pathlib import Path

import pytest

from maenas.backbone_search.effort import Effort
from maenas.backbone_search.run import run_search
from maenas.runs.config import SearchConfig
from tests.maenas.conftest import SMALL_SPACE


def notes_of(folder: Path, *budgets: str) -> str:
    (folder / "small.yaml").write_text(SMALL_SPACE)
    config = SearchConfig(
        budgets=budgets, space=str(folder / "small.yaml"), template="t", input_size=64,
        weights=(1.0, 1.0, 2.0, 4.0), algorithm="exact",
    )  # fmt: skip
    return " ".join(run_search(config, folder / "run", effort=Effort(finalists=0)).notes)


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


def test_a_budget_that_is_used_needs_no_word(tmp_path: Path) -> None:
    assert "unused" not in notes_of(tmp_path, "100MMACs")
