"""Ray clusters: connection, versions of every node, Ray's messages."""

from maenas.budgets.cluster.connection import (
    LOOK_S,
    SETTINGS,
    ClusterError,
    ClusterGone,
    ClusterNode,
    ask_nodes,
    done_among,
    joined,
    left_at_the_end,
    reachable,
    require_head,
    require_same,
)
from maenas.budgets.cluster.output import first_words, line, muffled, say, to_stderr
from maenas.budgets.cluster.versions import here

__all__ = [
    "LOOK_S",
    "SETTINGS",
    "ClusterError",
    "ClusterGone",
    "ClusterNode",
    "ask_nodes",
    "done_among",
    "first_words",
    "here",
    "joined",
    "left_at_the_end",
    "line",
    "muffled",
    "reachable",
    "require_head",
    "require_same",
    "say",
    "to_stderr",
]
