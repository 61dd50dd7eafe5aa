"""Modules of a user's own that add blocks, scores and searchers: found by name when needed.

A plugin registers what it has as it is imported (`maenas.plugins.register`). Modules are named by
`--plugin` or by the environment variable MAENAS_PLUGINS, which worker processes inherit; installed
packages may have entry points instead. No file ever causes an import.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module, metadata

from maenas.blocks.errors import SpecError

VARIABLE = "MAENAS_PLUGINS"


def load_plugins(modules: Sequence[str]) -> None:
    """Import modules, here and in every process that is started from here.

    Raises:
        SpecError: if one cannot be imported.
    """
    known = named_modules()
    new = [name for name in modules if name not in known]
    os.environ[VARIABLE] = ",".join([*known, *new])
    for name in [*known, *new]:
        _imported(name)


def named_modules() -> list[str]:
    """Modules named by the environment, in order."""
    names = os.environ.get(VARIABLE, "").replace(" ", "").split(",")
    return [name for name in names if name]


def entry_points(group: str) -> Iterator[object]:
    """Objects of installed packages in a group, once all named modules are imported.

    Args:
        group: `maenas.blocks`, `maenas.scores` or `maenas.searchers`.
    Raises:
        SpecError: if one cannot be imported.
    """
    load_plugins(())
    for point in metadata.entry_points(group=group):
        try:
            yield point.load()
        except (ImportError, AttributeError) as error:
            raise SpecError(
                f"plugin {point.value} (entry point {group}): cannot be imported: {error}."
            ) from None


def loaded_object(text: str, what: str) -> object:
    """The object `module:name` of a module that is imported.

    Raises:
        SpecError: if the module is not imported or lacks the name.
    """
    module, _, name = text.partition(":")
    load_plugins(())
    if module not in sys.modules:
        raise SpecError(
            f"{what} {text}: module {module!r} is not loaded; give --plugin {module} or name it in "
            f"{VARIABLE}."
        )
    found: object = sys.modules[module]
    for part in name.split("."):
        if not hasattr(found, part):
            raise SpecError(f"{what} {text}: module {module!r} has no {name!r}.")
        found = getattr(found, part)
    return found


def _imported(name: str) -> None:
    """Import a plugin; the current folder counts as it does for `python -m`."""
    if name in sys.modules:
        return
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        import_module(name)
    except SpecError:
        raise
    except Exception as error:  # whatever a module of the user's raises as it is imported
        raise SpecError(
            f"plugin {name}: cannot be imported: {type(error).__name__}: {error}; it must lie in "
            "the current folder, on PYTHONPATH or be installed."
        ) from None
