"""How large a YAML file may be once it is read: aliases let a short text stand for a huge one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import yaml

DEEPEST = 50  # lists and mappings in one another
MOST_NODES = 1_000_000  # with what aliases stand for counted wherever they stand


@dataclass(slots=True)
class _Size:
    """Size of a node, with all that is in it.

    Attributes:
        nodes: how many there are.
        depth: how many are in one another.
        anchor: name that aliases call it by, if any.
    """

    nodes: int = 1
    depth: int = 1
    anchor: str | None = None


def check_limits(events: Iterable[yaml.Event]) -> None:
    """Raise `ValueError` if a text holds more than any file needs.

    The events of the parser are enough for it: nothing is built that may be too large.
    """
    open_nodes: list[_Size] = []
    finished: dict[str, _Size] = {}
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append(_Size(anchor=event.anchor))
            if event.anchor is not None:
                finished.pop(event.anchor, None)
        elif isinstance(event, yaml.ScalarEvent | yaml.AliasEvent | yaml.CollectionEndEvent):
            node = _node(event, open_nodes, finished)
            if node.anchor is not None:
                finished[node.anchor] = node
            if open_nodes:
                open_nodes[-1].nodes += node.nodes
                open_nodes[-1].depth = max(open_nodes[-1].depth, node.depth + 1)
                node = open_nodes[-1]
            if node.nodes > MOST_NODES:
                raise ValueError(f"it stands for more than {MOST_NODES:,} values")
            if max(node.depth, len(open_nodes)) > DEEPEST:
                raise ValueError(f"it is nested more than {DEEPEST} levels deep")


def _node(event: yaml.Event, open_nodes: list[_Size], finished: dict[str, _Size]) -> _Size:
    """The node that ends with an event."""
    if isinstance(event, yaml.CollectionEndEvent):
        return open_nodes.pop()
    assert isinstance(event, yaml.ScalarEvent | yaml.AliasEvent)
    if isinstance(event, yaml.ScalarEvent):
        return _Size(anchor=event.anchor)
    if any(node.anchor == event.anchor for node in open_nodes):
        raise ValueError(f"*{event.anchor} stands inside what it names")
    named = finished.get(event.anchor or "")
    return _Size(named.nodes, named.depth) if named else _Size()  # unknown: the loader says so
