"""Habits of the tests themselves, read from their source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def assertions_with_or(text: str) -> list[int]:
    """Lines of assertions that hold an `or`, in generators and calls as well."""
    return [
        statement.lineno
        for statement in ast.walk(ast.parse(text))
        if isinstance(statement, ast.Assert)
        and any(isinstance(part, ast.Or) for part in ast.walk(statement.test))
    ]


def test_no_assertion_holds_an_or() -> None:
    """One of its sides can hide that the other has become wrong."""
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in assertions_with_or(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text", ["assert a or b", "assert any(a or b for a in c)", "assert f(a or 0) == 1"]
)
def test_an_or_is_found_wherever_it_hides(text: str) -> None:
    assert assertions_with_or(text) == [1]
