"""Registration of blocks, scores, searchers, assigners, backends and readers in plugins.

A plugin is a module that calls `register` with its classes::

    from maenas.plugins import register

    register(MyBlock, MyScore, MySearcher, MyAssigner, MyBackend, MyReader)

With `--plugin MODULE` or the environment variable MAENAS_PLUGINS (names separated by commas),
every command and its worker processes load the plugin. An installed package needs neither: it
lists its classes under the entry points `maenas.blocks`, `maenas.scores`, `maenas.searchers`,
`maenas.assigners`, `maenas.backends` and `maenas.readers`.
"""

from __future__ import annotations

import sys
from importlib import import_module

from maenas.blocks import SpecError
from maenas.blocks.plugins.load import load_plugins

__all__ = ["load_plugins", "register"]

# Name of a base class -> its module, and the module and name of the function that registers it. A
# class can be derived from a base only if the module of the base is loaded, so that `register`
# loads nothing: assigners need torch.
REGISTRARS = {
    "Block": ("maenas.blocks.block", "maenas.blocks.backbone", "register_block"),
    "Score": ("maenas.nas.scores.score", "maenas.nas.scores.load", "register_score"),
    "Searcher": (
        "maenas.nas.searchers.searcher",
        "maenas.nas.searchers.load",
        "register_searcher",
    ),
    "Assigner": (
        "maenas.detector.assign.assigner",
        "maenas.detector.assign.load",
        "register_assigner",
    ),
    "Backend": (
        "maenas.budgets.backends.backend",
        "maenas.budgets.backends.load",
        "register_backend",
    ),
    "Reader": (
        "maenas.detector.data.readers.source",
        "maenas.detector.data.readers.read",
        "register_reader",
    ),
}


def register(*classes: type) -> None:
    """Register blocks, scores, searchers, assigners, backends and readers under their names.

    Raises:
        SpecError: if a class is none of these, or its name is taken.
    """
    for given in classes:
        if not isinstance(given, type):
            raise SpecError(f"plugin: register takes classes, got {given!r}.")
        for base, (home, registry, function) in REGISTRARS.items():
            if home in sys.modules and issubclass(given, getattr(sys.modules[home], base)):
                getattr(import_module(registry), function)(given)
                break
        else:
            *most, last = REGISTRARS
            raise SpecError(
                f"plugin: {given.__qualname__} is not a {', '.join(most)} or {last}, so there is "
                "nothing to register."
            )
