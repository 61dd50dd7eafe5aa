"""The entry point of the command line."""

from __future__ import annotations

import os

import pytest

from maenas.cli import app, entry


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "5"}, "5"),
        ({"OMP_WAIT_POLICY": "active"}, None),
    ],
)
def test_threads_of_openmp_sleep_soon_unless_the_user_decides(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str | None
) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name[:3] not in ("OMP", "GOM")
    }
    monkeypatch.setattr(os, "environ", environment | given)
    monkeypatch.setattr(app, "main_and_exit", lambda: None)
    entry.run()
    assert os.environ.get("GOMP_SPINCOUNT") == expected
