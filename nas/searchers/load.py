"""Searchers by name, for the command line; the Python API takes searcher objects."""

from __future__ import annotations

from maenas.blocks import SpecError
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.plugins.load import entry_points, loaded_object
from maenas.nas.searchers.evolution import Evolution
from maenas.nas.searchers.random_search import RandomSearch
from maenas.nas.searchers.searcher import Searcher, SearcherFactory

EXACT = "exact"  # the exact solver proposes no candidates, so it is not a searcher
ALGORITHMS: dict[str, SearcherFactory] = {"evolution": Evolution, "random": RandomSearch}


def load_searcher(text: str) -> SearcherFactory:
    """The searcher that a command names: a name, or `module:object` of a loaded plugin.

    Raises:
        SpecError: if there is no such searcher; lists the known names.
    """
    if ":" in text:
        found = loaded_object(text, "algorithm")
        if not callable(found):
            raise SpecError(f"algorithm {text}: must be a Searcher or a function that makes one.")
        return found
    if text not in ALGORITHMS:
        for point in entry_points("maenas.searchers"):
            register_searcher(point)
    if text not in ALGORITHMS:
        known = [*ALGORITHMS, EXACT]
        raise SpecError(
            f"search: no such algorithm {text!r}{did_you_mean(text, known)}; --plugin MODULE loads "
            "searchers of your own."
        )
    return ALGORITHMS[text]


def register_searcher(searcher: object) -> None:
    """Make a searcher known by its name.

    Raises:
        SpecError: if it is not a searcher, or another one has its name.
    """
    if not (isinstance(searcher, type) and issubclass(searcher, Searcher)):
        raise SpecError(
            f"plugin: a searcher must be a class derived from Searcher, got {searcher!r}."
        )
    taken = ALGORITHMS.get(searcher.name)
    is_same = getattr(taken, "__qualname__", "") == searcher.__qualname__
    if searcher.name == EXACT or (taken is not None and not is_same):
        raise SpecError(f"plugin: the searcher {searcher.name!r} exists already.")
    ALGORITHMS[searcher.name] = searcher
