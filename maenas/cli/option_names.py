"""Errors name an option as the user types it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import Signature

from typer.models import OptionInfo


def option_names(signature: Signature) -> dict[str, str]:
    """The options of a command that are spelled otherwise in Python, as `max_detections`."""
    found = {}
    for name, parameter in signature.parameters.items():
        for info in getattr(parameter.annotation, "__metadata__", ()):
            if "_" in name and isinstance(info, OptionInfo):
                # typer takes the first one, which is `default` here, for a name as well
                declared = [str(word) for word in (info.default, *(info.param_decls or ()))]
                usual = f"--{name.replace('_', '-')}"
                typed = next((word for word in declared if word.startswith("--")), usual)
                found[name] = typed.partition("/")[0]
    return found


@contextmanager
def as_typed(names: dict[str, str]) -> Iterator[None]:
    """Errors that begin with the name of a parameter begin with that of the option instead.

    The same checks serve the Python interface, whose users know the parameter.

    Args:
        names: what the user types for each parameter.
    """
    from maenas.blocks.errors import MaenasError  # lazy, so that help starts faster

    try:
        yield
    except MaenasError as error:
        name, colon, rest = str(error).partition(":")
        error.args = (f"{names.get(name, name)}{colon}{rest}",)
        raise
