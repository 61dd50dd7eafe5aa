"""The certified optimum of a space: dynamic programming over stages, widths, depth and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from maenas.budgets.arrays import Float64Array
from maenas.budgets.budget import Budget
from maenas.nas.certificate.branch_bound import branch_and_bound
from maenas.nas.certificate.constraint import Constraint, on_axis, on_effectiveness
from maenas.nas.certificate.dual import least_bound
from maenas.nas.certificate.options import Options
from maenas.nas.certificate.program import Certified, Program
from maenas.nas.priced_stages import CONVS

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
    remain. A limit on effectiveness is relaxed to tangents, which are additive
    (`on_effectiveness`). Limits of several ranges belong together, so each point is solved by
    itself.

    Args:
        options: all choices of all stages.
        limits: ascending limits on `Problem.ranged`; the limit of the problem if None.
        bins: number of cost steps up to the largest limit.
        target_gap: largest accepted gap as a share of the score. A limit with a larger gap is
            solved again alone: with `FINER` times the steps, or, under several additive budgets,
            by branch and bound.
        traces: most relaxed optima that are traced back to a network; 1 if only `upper` is needed.
    """
    problem = options.evaluator.problem
    limits = [problem.ranged.limit] if limits is None else list(limits)
    if problem.paired:
        points = [options.under(problem.limits_at(limit)) for limit in limits]
        return [certify(point, None, bins, target_gap, traces)[0] for point in points]
    additive = [budget for budget in problem.budgets if budget.quantity in ADDITIVE]
    several = len(additive) > 1 or problem.max_effectiveness is not None
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
) -> dict[Constraint, float]:
    """Lagrange multipliers of the other limits for a small upper bound, fitted on coarse bins.

    The tangent of a limit on effectiveness touches at the depth of the best network so far.
    """
    evaluator = options.evaluator
    bound = evaluator.problem.max_effectiveness

    def solved(multipliers: Mapping[Constraint, float]) -> tuple[float, Float64Array] | None:
        """The upper bound, and the row of the network behind it."""
        program = Program(options, main, limit, COARSE_BINS, multipliers, ranged_limit)
        best = program.relaxed_optimum()
        return None if best is None else (best[0], evaluator.row(best[1]))

    limits = [on_axis(evaluator, budget.axis, budget.limit) for budget in others]
    found = least_bound(solved, limits)
    depths: set[float] = set()
    while bound is not None and found is not None and found.row[CONVS] not in depths:
        depths.add(found.row[CONVS])
        renewed = least_bound(solved, [*limits, on_effectiveness(bound, found.row[CONVS])])
        if renewed is None or (len(depths) > 1 and renewed.value >= found.value):
            break
        found = renewed
    return {} if found is None else dict(found.multipliers)
