"""Contract tests for what plugins can add, built in or your own.

Derive a test class in a pytest file and list the objects to test::

    from maenas.testing import BlockContract, ScoreContract, SearcherContract

    class TestMyBlock(BlockContract):
        specs = (MyBlock(out_channels=16), MyBlock(out_channels=24, depth=3))

    class TestMyScore(ScoreContract):
        scores = (MyScore(),)

    class TestMySearcher(SearcherContract):
        searchers = (MySearcher,)

`AssignerContract`, `BackendContract` and `ReaderContract` are used alike. Each is imported when it
is first used, since most need torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from maenas.testing.assigners import AssignerContract
    from maenas.testing.backends import BackendContract
    from maenas.testing.blocks import BlockContract
    from maenas.testing.readers import ReaderContract
    from maenas.testing.scores import ScoreContract
    from maenas.testing.searchers import SearcherContract

_HOMES = {
    "AssignerContract": "maenas.testing.assigners",
    "BackendContract": "maenas.testing.backends",
    "BlockContract": "maenas.testing.blocks",
    "ReaderContract": "maenas.testing.readers",
    "ScoreContract": "maenas.testing.scores",
    "SearcherContract": "maenas.testing.searchers",
}
__all__ = [
    "AssignerContract",
    "BackendContract",
    "BlockContract",
    "ReaderContract",
    "ScoreContract",
    "SearcherContract",
]

pytest.register_assert_rewrite(*_HOMES.values())


def __getattr__(name: str) -> object:
    """A contract, imported from the module that defines it."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
