"""Searchers by name, for the command line; the Python API takes the objects as well."""

from __future__ import annotations

from functools import partial

from maenas.blocks import SpecError
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.plugins.load import entry_points, loaded_object
from maenas.blocks.plugins.registry import add_named, derived
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


def register_factory(factory: SearcherFactory) -> str:
    """Make a factory known by the name of its searchers, and return this name.

    Args:
        factory: class of a searcher, `functools.partial` of it, or an object that makes searchers
            and has a `name`.
    Raises:
        SpecError: if it has no name, or another searcher has this name.
    """
    kind = factory.func if isinstance(factory, partial) else factory
    if isinstance(kind, type):
        register_searcher(kind)
        return str(kind.name)  # type: ignore[attr-defined]
    name = getattr(kind, "name", None)
    if not callable(kind) or not isinstance(name, str):
        raise SpecError(
            "searcher: must be a name, a class derived from Searcher, a functools.partial of one, "
            f"or an object with a `name` that makes searchers; got {factory!r}."
        )
    _add(name, kind)
    return name


def register_searcher(searcher: object) -> None:
    """Make a searcher known by its name.

    Raises:
        SpecError: if it is not a searcher, or another one has its name.
    """
    kind = derived(searcher, Searcher, "searcher")
    _add(kind.name, kind)


def _add(name: str, factory: SearcherFactory) -> None:
    if name == EXACT:
        raise SpecError(f"plugin: the searcher {name!r} exists already (the exact solver).")
    add_named(ALGORITHMS, name, factory, "searcher")
