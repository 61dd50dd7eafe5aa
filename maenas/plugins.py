"""Registration of blocks, scores and searchers in plugins.

A plugin is a module that calls `register` with its classes::

    from maenas.plugins import register

    register(MyBlock, MyScore, MySearcher)

With `--plugin MODULE` or the environment variable MAENAS_PLUGINS (names separated by commas),
every command and its worker processes load the plugin. An installed package needs neither: it
lists its classes under the entry points `maenas.blocks`, `maenas.scores` and `maenas.searchers`.
"""

from __future__ import annotations

from maenas.blocks import Block, SpecError
from maenas.blocks.backbone import register_block
from maenas.blocks.plugins.load import load_plugins
from maenas.nas.scores.load import register_score
from maenas.nas.scores.score import Score
from maenas.nas.searchers.load import register_searcher
from maenas.nas.searchers.searcher import Searcher

__all__ = ["load_plugins", "register"]


def register(*classes: type) -> None:
    """Register blocks, scores and searchers under their names.

    Raises:
        SpecError: if a class is none of these, or its name is taken.
    """
    for given in classes:
        if not isinstance(given, type):
            raise SpecError(f"plugin: register takes classes, got {given!r}.")
        if issubclass(given, Block):
            register_block(given)
        elif issubclass(given, Score):
            register_score(given)
        elif issubclass(given, Searcher):
            register_searcher(given)
        else:
            raise SpecError(
                f"plugin: {given.__qualname__} is no Block, Score or Searcher, so there is nothing "
                "to register."
            )
