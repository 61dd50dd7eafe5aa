"""Graphs of a kit: the kinds of a profile, few enough to be copied to a device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from maenas.blocks.op import Op, conv
from maenas.latency.graphs import graph_of
from maenas.latency.networks import SPACES, drawn, interleaved, published_detector
from maenas.latency.workload import find_workload

if TYPE_CHECKING:
    from maenas.budgets.image_size import InputSize
    from maenas.budgets.kit.runtime import KitRuntime
    from maenas.budgets.profiling.profile import Item

FITTED = 13  # networks that prices are fitted to
HELD_OUT = 5  # held-out networks that are drawn
PUBLISHED = {"cpu": ("ns", "t", "s"), "gpu": ("t", "s", "m")}  # held-out published networks
MODULE_SIZES = 2  # sizes of each network of modules
# Operators alone: the most frequent kernels where the networks have few of them.
OPERATORS: tuple[Op, ...] = (
    conv((64, 80, 80), 64, 1, act="relu"),
    conv((192, 40, 40), 192, 3, act="silu"),
    conv((64, 80, 80), 128, 3, 2, act="relu"),
    conv((192, 40, 40), 192, 3, groups=192, act="relu"),
    conv((512, 20, 20), 512, 5, groups=512, act="relu"),
    conv((512, 20, 20), 512, 1, act="silu"),
)


def kit_items(
    runtime: KitRuntime, seed: int, models: Sequence[str] = (), input_size: InputSize = None
) -> list[Item]:
    """The graphs of a kit without the reference, interleaved so that any first part is balanced.

    Args:
        runtime: runtime of the kit.
        seed: random seed of the networks.
        models: more networks to fit prices to, each as `find_workload` accepts it.
        input_size: input size of those networks; None for their own.
    Raises:
        MaenasError: for a model that cannot be read, or has unknown operators.
    """
    from maenas.budgets.graph.operator_graph import operator_graph
    from maenas.budgets.profiling.modules import module_graphs
    from maenas.budgets.profiling.profile import Item

    workloads = [find_workload(name, None, input_size) for name in models]
    for workload in workloads:
        workload.require_known()
    spaces = SPACES[runtime.hardware]
    published = [
        (f"zoo:{scale}", published_detector(scale)) for scale in PUBLISHED[runtime.hardware]
    ]
    learnt = drawn(spaces, FITTED, seed, published)
    checked = drawn(spaces, HELD_OUT, seed + 1, [*published, *learnt]) + published
    return interleaved(
        [Item(name, "module", graph) for name, graph in module_graphs(MODULE_SIZES, runtime.lacks)],
        [
            *(Item(workload.label, "fit", workload.graph) for workload in workloads),
            *(Item(name, "fit", partial(graph_of, spec)) for name, spec in learnt),
        ],
        [Item(f"held-out/{name}", "held-out", partial(graph_of, spec)) for name, spec in checked],
        [
            Item(f"operator/{index}", "operator", partial(operator_graph, op))
            for index, op in enumerate(OPERATORS)
        ],
    )
