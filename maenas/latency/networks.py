"""Networks to measure: what the spaces and templates really hold, as ONNX graphs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from maenas.blocks import Backbone, SpecError, load_backbone
from maenas.detector import load_template, template_names
from maenas.detector.model.spec import DetectorSpec, assemble
from maenas.latency.graphs import graph_of
from maenas.search_spaces import Space, load_space, space_names
from maenas.search_spaces.moves import Moves

if TYPE_CHECKING:
    from maenas.budgets.image_size import InputSize
    from maenas.budgets.profiling.profile import Item

SPACES = {"cpu": ("res", "csp", "mob"), "gpu": ("res", "csp")}
MAX_REDRAWS = 100
Named = tuple[str, DetectorSpec]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured at most; the time decides how much is.

    Attributes:
        fitted: networks that prices are fitted to.
        held_out: networks that only check them; the published ones come on top.
        sizes: of each operator measured alone.
        seconds: for everything.
    """

    fitted: int
    held_out: int
    sizes: int
    seconds: float


PLANS = {"quick": Plan(30, 15, 1, 80.0), "default": Plan(75, 30, 4, 480.0)}


def profile_items(
    plan: Plan,
    spaces: Sequence[str],
    seed: int,
    models: Sequence[str] = (),
    input_size: InputSize = None,
) -> list[Item]:
    """What a profile measures, in an order of which any beginning is balanced.

    Networks are drawn from each space in turn, each with the neck and head of one of the scales
    that are searched there.

    Args:
        models: networks to fit prices to as well, whatever `find_subject` takes.
        input_size: size of the image for those; None for their own.
    Raises:
        SpecError: for a space that no template is searched in.
        MaenasError: for a model that cannot be read, or holds unknown operators.
    """
    from maenas.budgets.graph.operator_graph import operator_graph
    from maenas.budgets.profiling.operator_grid import operator_grid
    from maenas.budgets.profiling.profile import Item
    from maenas.latency.workload import find_subject

    subjects = [find_subject(name, None, input_size) for name in models]
    for subject in subjects:
        subject.require_known()
    alone = [
        Item(f"operator/{index}", "operator", partial(operator_graph, op))
        for index, op in enumerate(operator_grid(plan.sizes))
    ]
    checked = [(f"zoo:{scale}", published_detector(scale)) for scale in _scales(spaces)]
    learnt = drawn(spaces, plan.fitted, seed, checked)
    checked = drawn(spaces, plan.held_out, seed + 1, [*checked, *learnt]) + checked
    fitted = [
        *(Item(subject.label, "fit", subject.graph) for subject in subjects),
        *(Item(name, "fit", partial(graph_of, spec)) for name, spec in learnt),
    ]
    held_out = [
        Item(f"held-out/{name}", "held-out", partial(graph_of, spec)) for name, spec in checked
    ]
    return interleaved(fitted, held_out, alone)


def interleaved(*queues: Sequence[Item]) -> list[Item]:
    """All items, those of each queue in order and evenly spread."""
    placed = [
        ((index + 0.5) / len(queue), number, item)
        for number, queue in enumerate(queues)
        for index, item in enumerate(queue)
    ]
    return [item for _, _, item in sorted(placed, key=lambda place: place[:2])]


def drawn(spaces: Sequence[str], count: int, seed: int, taken: Sequence[Named] = ()) -> list[Named]:
    """Random networks of all sizes, by name, each a whole detector; no backbone comes twice.

    Args:
        spaces: to draw from in turn.
        count: how many.
        seed: of all randomness.
        taken: whose backbones must not come again.
    Raises:
        SpecError: for a space that no template is searched in, or that has too few networks.
    """
    random = np.random.default_rng(seed)
    backbones = {spec.backbone for _, spec in taken}
    known: dict[tuple[str, str], tuple[Space, Moves]] = {}
    found: list[Named] = []
    for index in range(count):
        space = spaces[index % len(spaces)]
        scales = _scales([space])
        if not scales:
            raise SpecError(
                f"spaces: no template is searched in {space!r}; known: {', '.join(searched())}."
            )
        template = load_template(scales[random.integers(len(scales))])
        key = space, template.name
        if key not in known:
            loaded = replace(load_space(space), in_shape=template.in_shape)
            known[key] = loaded, Moves(loaded)
        backbone = _new_backbone(*known[key], random, backbones)
        backbones.add(backbone)
        found.append((f"{space}/{template.name}/{index}", assemble(backbone, template)))
    return found


def _new_backbone(
    space: Space, moves: Moves, random: np.random.Generator, taken: Collection[Backbone]
) -> Backbone:
    """A random backbone that was not drawn before: small ones come often."""
    for _ in range(MAX_REDRAWS):
        (genome,) = moves.sample(random, 1, all_sizes=True)
        backbone = space.decode(genome.tolist())
        if backbone not in taken:
            return backbone
    raise SpecError(f"spaces: {space.name!r} has too few networks to fit to some and check others.")


def searched() -> list[str]:
    """Spaces that some template is searched in."""
    return [name for name in space_names() if _scales([name])]


def published_detector(scale: str) -> DetectorSpec:
    """The published model of a scale."""
    return assemble(load_backbone(f"zoo:damo-yolo-{scale}"), load_template(scale))


def _scales(spaces: Sequence[str]) -> list[str]:
    """Templates that are searched in one of the spaces, the smallest first."""
    return [name for name in template_names() if load_template(name).space in spaces]
