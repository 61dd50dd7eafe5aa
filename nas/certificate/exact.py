"""The certified optimum of a space: dynamic programming over stages, widths, depth and cost."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from maenas.budgets.budget import Budget
from maenas.nas.certificate.branch_bound import branch_and_bound
from maenas.nas.certificate.options import Options
from maenas.nas.certificate.program import Certified, Program
from maenas.nas.problem import TOLERANCE

DEFAULT_BINS = 3000  # enough for a gap below `TARGET_GAP` on the default problem
TARGET_GAP = 2e-4  # a share of the score: far below what two searches differ by
FINER = 4
COARSE_BINS = 400  # for finding multipliers
ADDITIVE = ("latency_ms", "macs", "params")
MAX_TRACES = 200  # relaxed optima followed back before giving up on a network that fits
SHARES = (0.0, 0.5, 0.85, 1.2, 2.0)  # of the best multipliers, for the programs beside it
MULTIPLIER_STEPS = 10  # of bisection
MULTIPLIER_ROUNDS = 3  # where several multipliers depend on each other


def certify(
    options: Options,
    limits: Sequence[float] | None = None,
    bins: int = DEFAULT_BINS,
    target_gap: float = inf,
    traces: int = MAX_TRACES,
) -> list[Certified]:
    """Bounds on the best score under each limit, all from one solve.

    Score and cost are sums over stages, so the best network for each cost is found stage by stage.
    Costs are rounded down to `bins` steps: a relaxation, so its optimum bounds the true one from
    above; following it back yields networks that are priced exactly, the best that fits bounds it
    from below. The layer budget is exact, so is that on memory. Further additive budgets are
    relaxed with Lagrange multipliers, which keeps the upper bound true but may leave a gap that
    branch and bound closes. A bound on effectiveness is not part of the relaxation; the upper
    bound holds all the same.

    Args:
        options: the space, listed.
        limits: on `Problem.ranged`, ascending; its limit alone if None.
        bins: steps of cost up to the largest limit.
        target_gap: limits whose bounds are further apart are solved for once more, alone: in
            `FINER` times the steps, or by branch and bound under several additive budgets.
        traces: most relaxed optima followed back to a network; 1 where only `upper` is wanted.
    """
    limits = [options.evaluator.problem.ranged.limit] if limits is None else list(limits)
    found, program = _bounds(options, limits, bins, traces)
    several = len([b for b in options.evaluator.problem.budgets if b.quantity in ADDITIVE]) > 1
    for place, known in enumerate(found):
        wide = known.gap is None or known.gap > target_gap
        if not wide or known.upper == -inf or target_gap == inf:
            continue
        if several:
            if known.limit != limits[-1]:
                (known,), program = _bounds(options, [known.limit], bins, traces)
            found[place] = found[place].joined(_branched(options, known, program, bins))
        elif known.gap is not None:
            again, _ = _bounds(options, [known.limit], FINER * bins, traces)
            found[place] = known.joined(again[0])
    return found


def _branched(options: Options, known: Certified, program: Program, bins: int) -> Certified:
    """Bounds under several additive budgets, by programs around the best multipliers."""
    programs = [program]
    for share in SHARES:
        multipliers = {name: share * price for name, price in program.prices.items()}
        arguments = (program.main, program.most, bins // 3, multipliers, known.limit)
        programs.append(Program(options, *arguments))
    return branch_and_bound(programs, options.evaluator, known.limit, known)


def _bounds(
    options: Options, limits: Sequence[float], bins: int, traces: int
) -> tuple[list[Certified], Program]:
    """Bounds under each limit, and the program of the last."""
    problem = options.evaluator.problem
    ranged = problem.ranged
    additive = [b for b in problem.budgets if b.quantity in ADDITIVE and b is not ranged]
    if ranged.quantity in ADDITIVE:
        multipliers = _multipliers(options, ranged.quantity, limits[-1], additive, limits[-1])
        program = Program(options, ranged.quantity, limits[-1], bins, multipliers, limits[-1])
        return [program.certified(limit, traces) for limit in limits], program
    # Layers and memory bound what the program lists: one is solved for each limit on them.
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
    """Prices of the other budgets that make the upper bound small, found on coarse bins.

    The bound is convex in each multiplier: it falls while the relaxed optimum exceeds its budget
    and rises after, so each is bisected in turn, several times if there are others.
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
