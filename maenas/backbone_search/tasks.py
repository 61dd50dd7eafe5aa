"""The parts of a search: prepare, search, compare with bounds and a baseline.

Workers receive tasks: a task is a frozen dataclass of plain values. Each worker prepares a
subproblem only once.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from maenas.backbone_search.plan import Subproblem
from maenas.budgets import InfeasibleError, show_amount
from maenas.nas import (
    TARGET_GAP,
    Certified,
    Evaluator,
    Journal,
    Options,
    Outcome,
    RandomSearch,
    SearchProgress,
    Settings,
    certify,
    cheapest_networks,
    search,
    search_islands,
    solve_exactly,
)
from maenas.nas.executors import Executor, Shared
from maenas.runs.config import SearchConfig


@dataclass(frozen=True)
class PreparedSearch:
    """A subproblem whose budgets can be met, with the data that every part of its search needs.

    Attributes:
        subproblem: planned subproblem, with only the limits that some network meets.
        options: all choices of the search space with their costs.
        skipped: limits of a family that no network meets.
    """

    subproblem: Subproblem
    options: Options
    skipped: tuple[float, ...]

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator of the subproblem's problem."""
        return self.options.evaluator

    def __reduce__(self) -> tuple[Callable[[Subproblem], PreparedSearch], tuple[Subproblem]]:
        """Send the subproblem alone: listing the space again takes 1 s, sending the list longer."""
        return prepare, (self.subproblem,)


def prepare(subproblem: Subproblem) -> PreparedSearch:
    """List the choices of the space and check that the budgets can be met.

    Raises:
        InfeasibleError: if they cannot; the message gives the cost of the cheapest network.
    """
    options = Options(Evaluator(subproblem.problem))
    cheapest_networks(options)
    reasons = {limit: _unmet(options, limit) for limit in subproblem.limits}
    met = tuple(limit for limit, reason in reasons.items() if reason is None)
    skipped = tuple(limit for limit, reason in reasons.items() if reason is not None)
    return PreparedSearch(replace(subproblem, limits=met), options, skipped)


def _unmet(options: Options, limit: float) -> str | None:
    """Why no network meets the budgets at one point of a front; None if one may."""
    problem = options.evaluator.problem
    ranged = problem.ranged
    if problem.further:
        try:
            cheapest_networks(options.under(problem.limits_at(limit)))
        except InfeasibleError as error:
            return str(error)
        return None
    least, _ = options.cheapest(ranged.axis)
    return None if limit >= least else f"the cheapest needs {show_amount(ranged, least)}"


def skipped_note(prepared: PreparedSearch) -> str | None:
    """A note on the limits of a family that no network meets; None if there are none."""
    if not prepared.skipped:
        return None
    ranged = prepared.subproblem.problem.ranged
    limits = ", ".join(show_amount(ranged, limit) for limit in prepared.skipped)
    return (
        f"no network of template {prepared.subproblem.template.name} meets {limits}: "
        f"{_unmet(prepared.options, prepared.skipped[-1])}"
    )


def settings_of(config: SearchConfig, prepared: PreparedSearch, finalists: int) -> Settings:
    """The settings of the search of a subproblem."""
    return Settings(
        evaluations=config.evaluations,
        seed=config.seed,
        limits=prepared.subproblem.limits,
        finalists=finalists,
        islands=config.islands,
        migrate_every=config.migrate_every,
        searcher=prepared.subproblem.searcher,
    )


def find(
    settings: Settings,
    prepared: PreparedSearch,
    folder: Path | None,
    resume: bool,
    executor: Executor,
    report: Callable[[SearchProgress], None],
    exact: bool = False,
) -> Outcome:
    """Run the search; islands evolve on the executor, the exact solver needs no candidates."""
    if exact:
        return solve_exactly(prepared.options, settings)
    problem = prepared.subproblem.problem
    journal = Journal(folder, problem.space, problem.axes) if folder else None
    start = cheapest_networks(prepared.options)
    evaluator = prepared.evaluator
    if settings.islands > 1:
        return search_islands(evaluator, settings, start, executor, journal, resume, report)
    return search(evaluator, settings, start, journal, resume, report)


@dataclass(frozen=True, slots=True)
class WholeSearch:
    """A task: one search from its first candidate to its last, in a worker.

    Attributes:
        prepared: prepared subproblem to search.
        settings: settings of the search; one population.
        exact: whether the exact solver runs instead.
    """

    prepared: Shared[PreparedSearch]
    settings: Settings
    exact: bool = False

    def run(self) -> Searched:
        """Search, and return the outcome with the files of the journal."""
        prepared = self.prepared.value
        if self.exact:
            return Searched(solve_exactly(prepared.options, self.settings), {})
        with tempfile.TemporaryDirectory() as name:
            problem = prepared.subproblem.problem
            journal = Journal(Path(name), problem.space, problem.axes)
            start = cheapest_networks(prepared.options)
            outcome = search(prepared.evaluator, self.settings, start, journal)
            files = [journal.history_path, journal.state_path]  # the state is always written last
            return Searched(outcome, {path.name: _packed(path) for path in files})


@dataclass(frozen=True, slots=True)
class Searched:
    """Result of a search in a worker.

    Attributes:
        outcome: outcome of the search.
        files: compressed files of the journal by name, in the order to write them.
    """

    outcome: Outcome
    files: dict[str, bytes]


def _packed(path: Path) -> bytes:
    return zlib.compress(path.read_bytes(), level=1)


@dataclass(frozen=True, slots=True)
class BoundsAndBaseline:
    """Bounds and baseline that a result is compared with."""

    certified: list[Certified]
    random: Outcome


def bounds(prepared: Shared[PreparedSearch]) -> list[Certified]:
    """Compute bounds on the optimum under each limit; a task."""
    ready = prepared.value
    return certify(ready.options, ready.subproblem.limits, target_gap=TARGET_GAP)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A task: random search with the same number of evaluations."""

    prepared: Shared[PreparedSearch]
    evaluations: int
    seed: int

    def run(self) -> Outcome:
        """Draw and evaluate."""
        ready = self.prepared.value
        settings = Settings(
            self.evaluations, self.seed, ready.subproblem.limits, searcher=RandomSearch
        )
        return search(ready.evaluator, settings, cheapest_networks(ready.options))
