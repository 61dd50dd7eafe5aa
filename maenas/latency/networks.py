"""Networks to measure, drawn from the search spaces and templates, as ONNX graphs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from maenas.blocks import Backbone, SpecError, load_backbone
from maenas.detector import bundled_templates, load_template, template_names
from maenas.detector.model.spec import DetectorSpec, assemble
from maenas.latency.graphs import graph_of
from maenas.search_spaces import Space, load_space, space_names
from maenas.search_spaces.moves import Moves

if TYPE_CHECKING:
    from maenas.budgets.image_size import InputSize
    from maenas.budgets.profiling.profile import Item

SPACES = {"cpu": ("res", "csp", "mob"), "gpu": ("res", "csp")}
MAX_REDRAWS = 100
# Input sides of the networks drawn, relative to the side of their scale: searches at small inputs
# need prices of small operators, which fixed costs dominate.
SHARES = (1.0, 1.0, 0.75, 0.5, 0.375)
STEP = 32  # input sides are multiples of it
NamedDetector = tuple[str, DetectorSpec]


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """Upper limits on what a profile measures; it stops earlier when its time is used up.

    Attributes:
        fitted: number of networks that prices are fitted to.
        held_out: number of held-out networks, without the published ones, which are added.
        sizes: number of sizes of each operator that is measured alone.
        module_sizes: number of sizes of each network of modules.
        seconds: time limit of the whole profile.
    """

    fitted: int
    held_out: int
    sizes: int
    module_sizes: int
    seconds: float


PLANS = {
    "quick": ProfilePlan(30, 15, 1, 2, 90.0),
    "default": ProfilePlan(75, 30, 4, 3, 480.0),
    "transfer": ProfilePlan(30, 0, 2, 4, 60.0),  # graphs to choose from
}


def profile_items(
    plan: ProfilePlan,
    spaces: Sequence[str],
    seed: int,
    models: Sequence[str] = (),
    input_size: InputSize = None,
) -> list[Item]:
    """The graphs that a profile measures, interleaved so that any first part is balanced.

    Networks of the modules of popular detectors come first, so that every kind of operator has a
    price even if the time is short. The others are drawn from each space in turn, each with the
    neck and head of a scale that is searched in this space.

    Args:
        plan: numbers of graphs.
        spaces: search spaces to draw networks from.
        seed: random seed of the networks.
        models: more networks to fit prices to, each as `find_workload` accepts it.
        input_size: input size of those networks; None for their own.
    Raises:
        SpecError: for a space that no template is searched in.
        MaenasError: for a model that cannot be read, or has unknown operators.
    """
    from maenas.budgets.graph.operator_graph import operator_graph
    from maenas.budgets.profiling.modules import module_graphs
    from maenas.budgets.profiling.operator_grid import operator_grid
    from maenas.budgets.profiling.profile import Item
    from maenas.latency.workload import find_workload

    workloads = [find_workload(name, None, input_size) for name in models]
    for workload in workloads:
        workload.require_known()
    alone = [
        Item(f"operator/{index}", "operator", partial(operator_graph, op))
        for index, op in enumerate(operator_grid(plan.sizes))
    ]
    published = [scale for scale in _scales(spaces) if scale in template_names()]
    checked = [(f"zoo:{scale}", published_detector(scale)) for scale in published]
    learnt = drawn(spaces, plan.fitted, seed, checked)
    checked = drawn(spaces, plan.held_out, seed + 1, [*checked, *learnt]) + checked
    fitted = [
        *(Item(workload.label, "fit", workload.graph) for workload in workloads),
        *(Item(name, "fit", partial(graph_of, spec)) for name, spec in learnt),
    ]
    held_out = [
        Item(f"held-out/{name}", "held-out", partial(graph_of, spec)) for name, spec in checked
    ]
    modules = [Item(name, "module", graph) for name, graph in module_graphs(plan.module_sizes)]
    return [*modules, *interleaved(fitted, held_out, alone)]


def interleaved(*queues: Sequence[Item]) -> list[Item]:
    """All items: each queue keeps its order and is spread evenly over the result."""
    placed = [
        ((index + 0.5) / len(queue), number, item)
        for number, queue in enumerate(queues)
        for index, item in enumerate(queue)
    ]
    return [item for _, _, item in sorted(placed, key=lambda entry: entry[:2])]


def drawn(
    spaces: Sequence[str], count: int, seed: int, taken: Sequence[NamedDetector] = ()
) -> list[NamedDetector]:
    """Random detectors of all widths, depths and input sizes; all backbones are different.

    Args:
        spaces: search spaces to draw from in turn.
        count: number of detectors.
        seed: random seed.
        taken: detectors whose backbones must not be drawn again.
    Raises:
        SpecError: for a space that no template is searched in, or that has too few networks.
    """
    random = np.random.default_rng(seed)
    backbones = {spec.backbone for _, spec in taken}
    known: dict[tuple[str, str, int], tuple[Space, Moves]] = {}
    found: list[NamedDetector] = []
    for index in range(count):
        space = spaces[index % len(spaces)]
        scales = _scales([space])
        if not scales:
            raise SpecError(
                f"spaces: no template is searched in {space!r}; known: {', '.join(searched())}."
            )
        template = load_template(scales[random.integers(len(scales))])
        channels, height, _ = template.in_shape
        side = STEP * round(SHARES[random.integers(len(SHARES))] * height / STEP)
        key = space, template.name, side
        if key not in known:
            loaded = replace(load_space(space), in_shape=(channels, side, side))
            known[key] = loaded, Moves(loaded)
        backbone = _new_backbone(*known[key], random, backbones)
        backbones.add(backbone)
        found.append((f"{space}/{template.name}-{side}/{index}", assemble(backbone, template)))
    return found


def _new_backbone(
    space: Space, moves: Moves, random: np.random.Generator, taken: Collection[Backbone]
) -> Backbone:
    """A random backbone that is not in `taken`; small backbones are often drawn twice."""
    for _ in range(MAX_REDRAWS):
        (genome,) = moves.sample(random, 1, all_sizes=True)
        backbone = space.decode(genome.tolist())
        if backbone not in taken:
            return backbone
    raise SpecError(f"spaces: {space.name!r} has too few networks to fit to some and check others.")


def searched() -> list[str]:
    """Names of the spaces that a template is searched in."""
    return [name for name in space_names() if _scales([name])]


def published_detector(scale: str) -> DetectorSpec:
    """The published detector of a scale."""
    return assemble(load_backbone(f"zoo:damo-yolo-{scale}"), load_template(scale))


def _scales(spaces: Sequence[str]) -> list[str]:
    """Names of the templates searched in one of the spaces, the smallest first."""
    return [name for name in bundled_templates() if load_template(name).space in spaces]
