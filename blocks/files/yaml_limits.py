"""Limits on the expanded size of a YAML file: with aliases a short text can become huge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import yaml

DEEPEST = 50  # nested levels of lists and mappings
MOST_NODES = 1_000_000  # nodes after expansion of all aliases


@dataclass(slots=True)
class _Size:
    """Size of a node with its content.

    Attributes:
        nodes: number of nodes, this one included.
        depth: number of nested levels.
        anchor: name that aliases use for the node, if any.
    """

    nodes: int = 1
    depth: int = 1
    anchor: str | None = None


def check_limits(events: Iterable[yaml.Event]) -> None:
    """Raise `ValueError` if a YAML text is too large or too deeply nested.

    The check uses only the events of the parser, so no large object is built.
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
                raise ValueError(f"it expands to more than {MOST_NODES:,} values")
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
        raise ValueError(f"*{event.anchor} refers to a value that contains it")
    anchored = finished.get(event.anchor or "")
    # An unknown anchor counts nothing here: the loader reports it.
    return _Size(anchored.nodes, anchored.depth) if anchored else _Size()
