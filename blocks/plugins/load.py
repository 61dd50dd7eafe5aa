"""Loading of plugins: user modules that add blocks, scores, searchers, assigners and so on.

A plugin registers its classes when it is imported (`maenas.plugins.register`). The option
`--plugin` or the environment variable MAENAS_PLUGINS, which worker processes inherit, names the
modules; installed packages may have entry points instead. Reading a file never imports a module.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module, metadata

from maenas.blocks.errors import SpecError

LOG = logging.getLogger(__name__)

VARIABLE = "MAENAS_PLUGINS"


def load_plugins(modules: Sequence[str]) -> None:
    """Import modules in this process and in every process that it starts.

    Raises:
        SpecError: if a module cannot be imported.
    """
    known = named_modules()
    new = [name for name in modules if name not in known]
    os.environ[VARIABLE] = ",".join([*known, *new])
    for name in [*known, *new]:
        _imported(name)


def named_modules() -> list[str]:
    """Names of the modules in the environment variable, in order."""
    names = os.environ.get(VARIABLE, "").replace(" ", "").split(",")
    return [name for name in names if name]


def entry_points(group: str) -> Iterator[object]:
    """Objects of installed packages in an entry point group; imports all named modules first.

    Args:
        group: entry point group, such as `maenas.blocks`; `maenas.plugins` lists them all.
    Raises:
        SpecError: if a module or an object cannot be imported.
    """
    load_plugins(())
    for point in _points(group, tuple(sys.path)):
        try:
            yield point.load()
        except (ImportError, AttributeError) as error:
            raise SpecError(
                f"plugin {point.value} (entry point {group}): cannot be imported: {error}."
            ) from None


@cache
def _points(group: str, path: tuple[str, ...]) -> metadata.EntryPoints:
    """The entry points of a group in packages on the path; finding them takes milliseconds."""
    return metadata.entry_points(group=group)


def loaded_object(text: str, what: str) -> object:
    """The object `module:name` of a loaded module.

    Raises:
        SpecError: if the module is not loaded or does not define the name.
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
    """Import a plugin; the current folder is on the path, as with `python -m`."""
    if name in sys.modules:
        return
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    LOG.debug("import the plugin %s", name)
    try:
        import_module(name)
    except SpecError:
        raise
    except Exception as error:  # a user's module may raise any exception
        raise SpecError(
            f"plugin {name}: cannot be imported: {type(error).__name__}: {error}; it must lie in "
            "the current folder, on PYTHONPATH or be installed."
        ) from None
