"""The parts of a search: make ready, find, hold against bounds and a baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from budgets import show
from maenas.config import SearchConfig
from maenas.plan import Segment
from nas import (
    TARGET_GAP,
    Certified,
    Evaluator,
    Journal,
    Options,
    Outcome,
    Progress,
    Settings,
    certify,
    cheapest_networks,
    search,
    solve_exactly,
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A segment whose budgets can be met, with what every part of its search needs.

    Attributes:
        segment: as planned, its limits cut to those that some network meets.
        options: every choice of the space, listed and priced.
        skipped: limits of a family that no network meets.
    """

    segment: Segment
    options: Options
    skipped: tuple[float, ...]

    @property
    def evaluator(self) -> Evaluator:
        """Of the segment's problem."""
        return self.options.evaluator


def prepare(segment: Segment) -> Prepared:
    """List the space and make sure that the budgets can be met.

    Raises:
        InfeasibleError: if they cannot; says what the cheapest network costs.
    """
    options = Options(Evaluator(segment.problem))
    ranged = segment.problem.ranged
    cheapest_networks(options)
    least, _ = options.cheapest(ranged.quantity)
    met = tuple(limit for limit in segment.limits if limit >= least)
    skipped = tuple(limit for limit in segment.limits if limit < least)
    return Prepared(replace(segment, limits=met), options, skipped)


def skipped_note(prepared: Prepared) -> str | None:
    """What to tell about limits of a family that nothing meets."""
    if not prepared.skipped:
        return None
    ranged = prepared.segment.problem.ranged
    least, _ = prepared.options.cheapest(ranged.quantity)
    limits = ", ".join(show(ranged.quantity, limit) for limit in prepared.skipped)
    return (
        f"no network of template {prepared.segment.template.name} meets {limits}: the cheapest "
        f"needs {show(ranged.quantity, least)}"
    )


def find(
    config: SearchConfig,
    prepared: Prepared,
    folder: Path | None,
    resume: bool,
    report: Callable[[Progress], None],
) -> Outcome:
    """The search itself."""
    settings = Settings(config.algorithm, config.evaluations, config.seed, prepared.segment.limits)
    if config.algorithm == "exact":
        return solve_exactly(prepared.options, settings)
    journal = Journal(folder, prepared.segment.problem.space) if folder else None
    start = cheapest_networks(prepared.options)
    return search(prepared.evaluator, settings, start, journal, resume, report)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a result is held against."""

    certified: list[Certified]
    random: Outcome


def reference(config: SearchConfig, prepared: Prepared) -> Reference:
    """Bounds on the optimum, and what random search finds with as many evaluations."""
    settings = Settings("random", config.evaluations, config.seed + 1, prepared.segment.limits)
    random = search(prepared.evaluator, settings, cheapest_networks(prepared.options))
    certified = certify(prepared.options, prepared.segment.limits, target_gap=TARGET_GAP)
    return Reference(certified, random)
