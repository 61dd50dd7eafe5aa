"""The rules of every registry that plugins can fill: which classes, under which names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from maenas.blocks.errors import SpecError

Thing = TypeVar("Thing")


def derived(thing: object, base: Callable[..., Thing], what: str) -> type[Thing]:
    """The thing itself, if it is a class derived from `base`.

    Args:
        thing: object that a plugin registers.
        base: class that it must be derived from.
        what: word for such a thing, for the message.
    Raises:
        SpecError: if it is another object.
    """
    assert isinstance(base, type)  # mypy takes no abstract class for a `type[Thing]`
    if not (isinstance(thing, type) and issubclass(thing, base)):
        article = "an" if what[0] in "aeiou" else "a"
        raise SpecError(
            f"plugin: {article} {what} must be a class derived from {base.__name__}, got {thing!r}."
        )
    return cast(type[Thing], thing)


def add_named(known: dict[str, Thing], name: str, thing: Thing, what: str) -> None:
    """Add a thing under its name; a class that a notebook defines again replaces the older one.

    Args:
        known: registry to add to.
        name: name of the thing on the command line and in files.
        thing: class, or object of a class.
        what: word for such a thing, for the message.
    Raises:
        SpecError: if something of another class has the name.
    """
    taken = known.get(name)
    if taken is not None and origin(taken) != origin(thing):
        raise SpecError(f"plugin: the {what} {name!r} exists already ({origin(taken)}).")
    known[name] = thing


def origin(thing: object) -> str:
    """Name of the class of a thing, or of the class that it is."""
    return (thing if isinstance(thing, type) else type(thing)).__qualname__
