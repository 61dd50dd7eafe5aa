"""Samples that are as short as can be: these tests look at what is said, not at how fast it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.quick_measuring import quick_measuring


@pytest.fixture(autouse=True, scope="module")
def short_samples() -> Iterator[None]:
    with quick_measuring():
        yield
