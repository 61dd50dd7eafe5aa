"""The certified optimum of a space: dynamic programming over stages, widths, depth and cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from maenas.budgets.budget import Budget
from maenas.nas.certificate.branch_bound import branch_and_bound
from maenas.nas.certificate.options import Options
from maenas.nas.certificate.program import Certified, Program
from maenas.nas.problem import TOLERANCE

DEFAULT_BINS = 3000  # steps of cost, enough for a gap below `TARGET_GAP` on the default problem
TARGET_GAP = 2e-4  # share of the score, far below the difference between two searches
FINER = 4  # factor on the number of bins in a second solve
# Branch and bound closes wide gaps too, so its programs have few steps of cost. Ten pairs of
# budgets take 23 s of one core instead of 60 s, for the same networks (benchmarks/bench_exact.py).
COARSER = 3  # divisor of the number of bins for the best multipliers
SHARE_BINS = 200  # steps of cost for the other multipliers
COARSE_BINS = 200  # steps of cost while multipliers are fitted
ADDITIVE = ("latency_ms", "macs", "params")
MAX_TRACES = 200  # most relaxed optima that are traced back to find a network within the budgets
SHARES = (0.0, 0.5, 0.85, 1.2, 2.0)  # factors on the best multipliers, one per further program
FIRST_SHARE = 0.1  # first multiplier, as a share of the score for the whole of a budget
MULTIPLIER_STEPS = 10  # most tangents of one multiplier
MULTIPLIER_ROUNDS = 3  # rounds if several multipliers depend on each other
CLOSE = 1e-5  # share of the score that a further tangent could lower the bound by


def certify(
    options: Options,
    limits: Sequence[float] | None = None,
    bins: int = DEFAULT_BINS,
    target_gap: float = inf,
    traces: int = MAX_TRACES,
) -> list[Certified]:
    """Certificates for the best score under each limit, all from one solve.

    Score and cost are sums over stages, so the best network for each cost is found stage by stage.
    Costs are rounded down to `bins` steps. This is a relaxation, so its optimum is an upper bound.
    Tracing it back yields networks that are priced exactly; the best one within the budgets is a
    lower bound. Budgets on layers and memory are exact. Further additive budgets are relaxed with
    Lagrange multipliers; the upper bound stays valid, and branch and bound closes the gap that may
    remain. Limits of several ranges belong together, so each point is solved by itself. The
    relaxation ignores a limit on effectiveness; the upper bound stays valid.

    Args:
        options: all choices of all stages.
        limits: ascending limits on `Problem.ranged`; the limit of the problem if None.
        bins: number of cost steps up to the largest limit.
        target_gap: largest accepted gap as a share of the score. A limit with a larger gap is
            solved again alone: with `FINER` times the steps, or, under several additive budgets,
            by branch and bound.
        traces: most relaxed optima that are traced back to a network; 1 if only `upper` is needed.
    """
    limits = [options.evaluator.problem.ranged.limit] if limits is None else list(limits)
    if options.evaluator.problem.paired:
        points = [options.under(options.evaluator.problem.limits_at(limit)) for limit in limits]
        return [certify(point, None, bins, target_gap, traces)[0] for point in points]
    several = len([b for b in options.evaluator.problem.budgets if b.quantity in ADDITIVE]) > 1
    if several and target_gap < inf:
        bins = max(1, bins // COARSER)
    found, program = _bounds(options, limits, bins, traces)
    for index, known in enumerate(found):
        wide = known.gap is None or known.gap > target_gap
        if not wide or known.upper == -inf or target_gap == inf:
            continue
        if several:
            if known.limit != limits[-1]:
                (known,), program = _bounds(options, [known.limit], bins, traces)
            found[index] = found[index].joined(_branched(options, known, program))
        elif known.gap is not None:
            again, _ = _bounds(options, [known.limit], FINER * bins, traces)
            found[index] = known.joined(again[0])
    return found


def _branched(options: Options, known: Certified, program: Program) -> Certified:
    """The bounds of branch and bound, with programs for multipliers around the best ones."""
    programs = [program]
    for share in SHARES:
        multipliers = {name: share * price for name, price in program.prices.items()}
        arguments = (program.main, program.most, SHARE_BINS, multipliers, known.limit)
        programs.append(Program(options, *arguments))
    return branch_and_bound(programs, options.evaluator, known.limit, known)


def _bounds(
    options: Options, limits: Sequence[float], bins: int, traces: int
) -> tuple[list[Certified], Program]:
    """Bounds under each limit, and the program of the last limit."""
    problem = options.evaluator.problem
    ranged = problem.ranged
    additive = [b for b in problem.budgets if b.quantity in ADDITIVE and b is not ranged]
    if ranged.quantity in ADDITIVE:
        multipliers = _multipliers(options, ranged.axis, limits[-1], additive, limits[-1])
        program = Program(options, ranged.axis, limits[-1], bins, multipliers, limits[-1])
        return [program.certified(limit, traces) for limit in limits], program
    # Limits on layers and memory change the choices of the program, so each needs its own solve.
    main = additive[0].axis if additive else None
    most = additive[0].limit if additive else inf
    found = []
    for limit in limits:
        multipliers = _multipliers(options, main, most, additive[1:], limit)
        program = Program(options, main, most, bins, multipliers, limit)
        found.append(program.certified(limit, traces))
    return found, program


def _multipliers(
    options: Options, main: str | None, limit: float, others: Sequence[Budget], ranged_limit: float
) -> dict[str, float]:
    """Lagrange multipliers of the other budgets for a small upper bound, fitted on coarse bins.

    Each multiplier is fitted in turn, in several rounds if there are several.
    """
    multipliers: dict[str, float] = {budget.axis: 0.0 for budget in others}
    for budget in [*others] * (1 if len(others) == 1 else MULTIPLIER_ROUNDS):

        def tangent(multiplier: float, budget: Budget = budget) -> Tangent | None:
            tried = multipliers | {budget.axis: multiplier}
            solve = Program(options, main, limit, COARSE_BINS, tried, ranged_limit)
            best = solve.relaxed_optimum()
            if best is None:
                return None
            value, genome = best
            costs = options.evaluator(genome[None]).costs
            used = float(options.evaluator.cost(costs, budget.axis)[0])
            return Tangent(multiplier, value, budget.limit * (1 + TOLERANCE) - used)

        multipliers[budget.axis] = _least(tangent, budget.limit)
    return multipliers


@dataclass(frozen=True, slots=True)
class Tangent:
    """A line below the upper bound as a function of one multiplier, which is convex.

    Attributes:
        multiplier: where the line touches.
        value: upper bound there.
        slope: what the relaxed optimum leaves of the budget; negative if it exceeds the budget.
    """

    multiplier: float
    value: float
    slope: float

    def meets(self, other: Tangent) -> float:
        """The multiplier at which two lines of different slopes are equal."""
        there = other.value - other.slope * other.multiplier
        here = self.value - self.slope * self.multiplier
        return (there - here) / (self.slope - other.slope)


def _least(tangent: Callable[[float], Tangent | None], limit: float) -> float:
    """The multiplier of the least upper bound, or one close to it that keeps the budget.

    The bound lies above all of its tangents, so its minimum lies near the point where a falling one
    and a rising one meet. The next tangent is drawn there.
    """
    falling = tangent(0.0)
    if falling is None or falling.slope >= 0:  # the budget does not bind
        return 0.0
    rising: Tangent | None = None
    guess = FIRST_SHARE * abs(falling.value) / limit
    for _ in range(MULTIPLIER_STEPS):
        found = tangent(guess)
        if found is None:
            break
        if found.slope >= 0:
            rising = found
        else:
            falling = found
        if rising is None:
            guess *= 4
            continue
        guess = falling.meets(rising)
        if not falling.multiplier < guess < rising.multiplier:  # costs in bins are not exact
            guess = (falling.multiplier + rising.multiplier) / 2
        bound = rising.value + rising.slope * (guess - rising.multiplier)
        if min(falling.value, rising.value) - bound < CLOSE * abs(bound):
            break
    return guess if rising is None else rising.multiplier
