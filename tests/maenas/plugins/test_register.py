"""What may be registered, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from maenas.blocks import Op, SpecError
from maenas.nas import MaxEntropy, Score
from maenas.plugins import register


def test_a_class_that_is_nothing_of_ours_is_refused() -> None:
    with pytest.raises(SpecError, match="int is no Block, Score or Searcher"):
        register(int)


def test_the_name_of_another_score_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Impostor(Score):
        name: ClassVar[str] = MaxEntropy.name
        weights: tuple[float, ...] | None = None

        def op(self, op: Op) -> float:
            return 0.0

    with pytest.raises(SpecError, match="'max-entropy' exists already"):
        register(Impostor)
