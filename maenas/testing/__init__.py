"""Contract tests for blocks, scores and searchers, built in or from plugins.

Derive a test class in a pytest file and list the objects to test::

    from maenas.testing import BlockContract, ScoreContract, SearcherContract

    class TestMyBlock(BlockContract):
        specs = (MyBlock(out_channels=16), MyBlock(out_channels=24, depth=3))

    class TestMyScore(ScoreContract):
        scores = (MyScore(),)

    class TestMySearcher(SearcherContract):
        searchers = (MySearcher,)
"""

import pytest

pytest.register_assert_rewrite(
    "maenas.testing.blocks", "maenas.testing.scores", "maenas.testing.searchers"
)

from maenas.testing.blocks import BlockContract  # noqa: E402
from maenas.testing.scores import ScoreContract  # noqa: E402
from maenas.testing.searchers import SearcherContract  # noqa: E402

__all__ = ["BlockContract", "ScoreContract", "SearcherContract"]
