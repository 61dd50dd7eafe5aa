"""The certified optimum of a space: dynamic programming over stages, widths, depth and cost."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from maenas.budgets.budget import Budget
from maenas.nas.certificate.branch_bound import branch_and_bound
from maenas.nas.certificate.options import Options
from maenas.nas.certificate.program import Certified, Program
from maenas.nas.problem import TOLERANCE

DEFAULT_BINS = 3000  # steps of cost, enough for a gap below `TARGET_GAP` on the default problem
TARGET_GAP = 2e-4  # share of the score, far below the difference between two searches
FINER = 4  # factor on the number of bins in a second solve
COARSE_BINS = 400  # steps of cost while multipliers are fitted
ADDITIVE = ("latency_ms", "macs", "params")
MAX_TRACES = 200  # most relaxed optima that are traced back to find a network within the budgets
SHARES = (0.0, 0.5, 0.85, 1.2, 2.0)  # factors on the best multipliers, one per further program
MULTIPLIER_STEPS = 10  # steps of one bisection
MULTIPLIER_ROUNDS = 3  # rounds of bisection if several multipliers depend on each other


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
    remain. The relaxation ignores a limit on effectiveness; the upper bound stays valid.

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
    found, program = _bounds(options, limits, bins, traces)
    several = len([b for b in options.evaluator.problem.budgets if b.quantity in ADDITIVE]) > 1
    for index, known in enumerate(found):
        wide = known.gap is None or known.gap > target_gap
        if not wide or known.upper == -inf or target_gap == inf:
            continue
        if several:
            if known.limit != limits[-1]:
                (known,), program = _bounds(options, [known.limit], bins, traces)
            found[index] = found[index].joined(_branched(options, known, program, bins))
        elif known.gap is not None:
            again, _ = _bounds(options, [known.limit], FINER * bins, traces)
            found[index] = known.joined(again[0])
    return found


def _branched(options: Options, known: Certified, program: Program, bins: int) -> Certified:
    """The bounds of branch and bound, with programs for multipliers around the best ones."""
    programs = [program]
    for share in SHARES:
        multipliers = {name: share * price for name, price in program.prices.items()}
        arguments = (program.main, program.most, bins // 3, multipliers, known.limit)
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
        multipliers = _multipliers(options, ranged.quantity, limits[-1], additive, limits[-1])
        program = Program(options, ranged.quantity, limits[-1], bins, multipliers, limits[-1])
        return [program.certified(limit, traces) for limit in limits], program
    # Limits on layers and memory change the choices of the program, so each needs its own solve.
    main = additive[0].quantity if additive else None
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

    The bound is convex in each multiplier: it falls while the relaxed optimum exceeds the budget
    and then rises. Bisection therefore finds each multiplier in turn, in several rounds if there
    are several.
    """
    multipliers: dict[str, float] = {budget.quantity: 0.0 for budget in others}
    for budget in [*others] * (1 if len(others) == 1 else MULTIPLIER_ROUNDS):
        quantity, most = budget.quantity, budget.limit
        low, high = 0.0, None
        guess = 0.0
        for _ in range(MULTIPLIER_STEPS):
            tried = multipliers | {quantity: guess}
            solve = Program(options, main, limit, COARSE_BINS, tried, ranged_limit)
            genome = solve.relaxed_optimum()
            if genome is None:
                break
            used = options.evaluator(genome[None]).cost(quantity)[0]
            if used <= most * (1 + TOLERANCE):
                high = guess
                if guess == 0.0:
                    break  # the budget does not bind
            else:
                low = guess
            guess = max(4 * guess, 1.0 / most) if high is None else 0.5 * (low + high)
        multipliers[quantity] = guess if high is None else high
    return multipliers
