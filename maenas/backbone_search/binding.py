"""The limits that bind when a network leaves much of its budget unused, and how to raise them."""

from __future__ import annotations

from collections.abc import Sequence

from maenas.backbone_search.results.bounds import place
from maenas.backbone_search.results.result import Found
from maenas.backbone_search.verify import Verified
from maenas.budgets import show, show_amount
from maenas.nas import Problem
from maenas.search_spaces import AnyOf, Gene, Genome, Space

SPARE = 0.05  # share of a budget that may stay unused without a note
LAYERS_OF_A_UNIT = 2  # minimum number of layers of one more unit
WIDTHS = ("out_channels", "bottleneck_channels", "expand_ratio")


def unused_note(found: Found, verified: Sequence[Verified] = ()) -> str | None:
    """A note on what keeps a network from using its budget; None if it uses nearly all of it.

    Args:
        found: network.
        verified: finalists that were measured, the network first; () if none was.
    """
    problem = found.subproblem.problem
    ranged = problem.ranged
    measured = verified[0].measured_on(problem, ranged.axis) if verified else None
    spent = found.spent(ranged.axis) if measured is None else measured
    spare = 1 - spent / found.limit
    if spare <= SPARE:
        return None
    reasons = binding_limits(found, problem)
    if measured is not None and not all(one.within for one in verified):
        reasons.append("every better network that was measured is beyond it (see --verify)")
    binding = "; ".join(reasons) or "no limit by itself: more would not raise this score"
    how = "spent" if measured is None else "measured"
    return (
        f"{100 * spare:.0f} % of {show_amount(ranged, found.limit)}"
        f"{place(problem, ranged.axis)} is left unused "
        f"({show(ranged.quantity, spent)} {how}); what binds: {binding}"
    )


def binding_limits(found: Found, problem: Problem) -> list[str]:
    """The limits that a network has reached, each with the option that raises it."""
    reasons = []
    for budget in problem.budgets:
        if budget is problem.ranged:
            continue
        spent, most = found.spent(budget.axis), found.limits[budget.axis]
        if budget.quantity == "layers":
            reached = spent + LAYERS_OF_A_UNIT > most
            lift = "--budget with more layers, or a larger --template"
        else:
            reached = spent > (1 - SPARE) * most
            lift = "a larger --budget"
        if reached:
            limit = f"{show_amount(budget, most)}{place(problem, budget.axis)}"
            reasons.append(f"the limit of {limit} ({lift} lifts it)")
    genome = problem.space.encode(found.backbone)
    pairs = list(zip(problem.space.genes, genome, strict=True))
    for name, fields in (("widths", WIDTHS), ("depths", ("depth",))):
        places = [
            (index, _indices(problem.space, genome, gene))
            for gene, index in pairs
            if gene.field in fields
        ]
        largest = [index == indices[-1] for index, indices in places if len(indices) > 1]
        if sum(largest):
            reasons.append(
                f"{sum(largest)} of {len(largest)} {name} are the largest of space "
                f"{problem.space.name} (a --space of wider ranges lifts it)"
            )
    return reasons


def _indices(space: Space, genome: Genome, gene: Gene) -> Sequence[int]:
    """Indices of a gene's values that the block of its stage can have."""
    stage = space.stages[gene.stage]
    if not isinstance(stage, AnyOf):
        return range(len(gene.values))
    kinds = (place for place, one in enumerate(space.genes) if one.stage == gene.stage)
    return stage.allowed(genome[next(kinds)], gene.field)
