"""The parts of a search: make ready, find, hold against bounds and a baseline.

What other processes or machines are sent is a task: a frozen dataclass of plain things, and the
segment prepared once in each of them.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from maenas.backbone_search.plan import Segment
from maenas.budgets import show
from maenas.nas import (
    EXACT,
    TARGET_GAP,
    Certified,
    Evaluator,
    Evolution,
    Journal,
    Options,
    Outcome,
    Progress,
    RandomSearch,
    Settings,
    certify,
    cheapest_networks,
    load_searcher,
    search,
    search_islands,
    solve_exactly,
)
from maenas.nas.executors import Executor, Shared
from maenas.runs.config import SearchConfig


@dataclass(frozen=True)
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

    def __reduce__(self) -> tuple[Callable[[Segment], Prepared], tuple[Segment]]:
        """What travels is the segment: listing the space takes a second, sending it longer."""
        return prepare, (self.segment,)


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


def settings_of(config: SearchConfig, prepared: Prepared, finalists: int) -> Settings:
    """How to search a segment."""
    return Settings(
        evaluations=config.evaluations,
        seed=config.seed,
        limits=prepared.segment.limits,
        finalists=finalists,
        islands=config.islands,
        migrate_every=config.migrate_every,
        searcher=Evolution if config.algorithm == EXACT else load_searcher(config.algorithm),
    )


def find(
    settings: Settings,
    prepared: Prepared,
    folder: Path | None,
    resume: bool,
    executor: Executor,
    report: Callable[[Progress], None],
    exact: bool = False,
) -> Outcome:
    """The search itself; islands evolve on the executor, the exact solver needs no candidates."""
    if exact:
        return solve_exactly(prepared.options, settings)
    journal = Journal(folder, prepared.segment.problem.space) if folder else None
    start = cheapest_networks(prepared.options)
    evaluator = prepared.evaluator
    if settings.islands > 1:
        return search_islands(evaluator, settings, start, executor, journal, resume, report)
    return search(evaluator, settings, start, journal, resume, report)


@dataclass(frozen=True, slots=True)
class WholeSearch:
    """A task: one search from its first candidate to its last, in a worker.

    Attributes:
        prepared: what to search.
        settings: how; a single population.
        exact: whether to solve it exactly instead.
    """

    prepared: Shared[Prepared]
    settings: Settings
    exact: bool = False

    def run(self) -> Searched:
        """Search, and bring home what the journal would hold."""
        prepared = self.prepared.value
        if self.exact:
            return Searched(solve_exactly(prepared.options, self.settings), {})
        with tempfile.TemporaryDirectory() as name:
            journal = Journal(Path(name), prepared.segment.problem.space)
            start = cheapest_networks(prepared.options)
            outcome = search(prepared.evaluator, self.settings, start, journal)
            files = [journal.history_path, journal.state_path]  # the state last, as ever
            return Searched(outcome, {path.name: _packed(path) for path in files})


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search in a worker found.

    Attributes:
        outcome: as of any search.
        files: of the journal, compressed, in the order they are to be written.
    """

    outcome: Outcome
    files: dict[str, bytes]


def _packed(path: Path) -> bytes:
    return zlib.compress(path.read_bytes(), level=1)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a result is held against."""

    certified: list[Certified]
    random: Outcome


def bounds(prepared: Shared[Prepared]) -> list[Certified]:
    """A task: bounds on the optimum under each limit."""
    ready = prepared.value
    return certify(ready.options, ready.segment.limits, target_gap=TARGET_GAP)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A task: what random search finds with as many evaluations."""

    prepared: Shared[Prepared]
    evaluations: int
    seed: int

    def run(self) -> Outcome:
        """Draw and evaluate."""
        ready = self.prepared.value
        settings = Settings(
            self.evaluations, self.seed, ready.segment.limits, searcher=RandomSearch
        )
        return search(ready.evaluator, settings, cheapest_networks(ready.options))
