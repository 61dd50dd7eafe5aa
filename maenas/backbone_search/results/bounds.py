"""What the bound on a score holds for, in words, and why verification raised a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from maenas.backbone_search.results.result import Found
from maenas.backbone_search.verify import Verified
from maenas.budgets import show
from maenas.nas import Problem


def place(problem: Problem, axis: str) -> str:
    """The device of a latency where there are several, as " on t4"; "" otherwise."""
    names = [device.name for device in problem.devices if device.axis == axis]
    return f" on {names[0]}" if names and problem.further else ""


def within(problem: Problem, limit: float, raised: Mapping[str, float] | None = None) -> str:
    """Words for the limits of a bound, such as "predicted within 2.330 ms".

    The limit on layers is left out unless it is the ranged one: it belongs to the scale.

    Args:
        problem: problem of the search.
        limit: limit on the ranged quantity.
        raised: limits by axis that differ from the budgets.
    """
    limits = problem.limits_at(limit) | dict(raised or {})
    claims = {device.axis: f"{device.model.claim} " for device in problem.devices}
    ranged = problem.ranged
    others = [b for b in problem.budgets if b is not ranged and b.quantity != "layers"]
    return " and ".join(
        f"{claims.get(one.axis, '')}within {show(one.quantity, limits[one.axis])}"
        f"{place(problem, one.axis)}"
        for one in (ranged, *others)
    )


def bound_line(found: Found, digits: int = 3) -> str:
    """A line with the bound on the score, and with the limits that it holds for."""
    limits = within(found.subproblem.problem, found.limit, found.raised)
    return f"no network {limits} exceeds {found.certified.upper:.{digits}f}"


def raised_line(found: Found, verified: Sequence[Verified]) -> str | None:
    """A line on limits that were raised because a device is faster than predicted; None without.

    Args:
        found: network that was chosen.
        verified: networks that were measured.
    """
    problem, limits = found.subproblem.problem, found.limits
    errors, changes = [], []
    for device in problem.devices:
        limit = found.raised.get(device.axis, 0.0)
        each = [one for v in verified for one in v.measurements if one.device == device.name]
        if not each or limit <= limits[device.axis]:
            continue
        error = median(one.error for one in each)
        how = "high" if error > 0 else "low"
        errors.append(
            f"on {device.name} the {device.model.claim} latency is {100 * abs(error):.1f} % "
            f"too {how}"
        )
        lower, upper = (show("latency_ms", ms) for ms in (limits[device.axis], limit))
        changes.append(f"from {lower} to {upper}{place(problem, device.axis)}")
    if not errors:
        return None
    return (
        f"{' and '.join(errors)} (median of {len(verified)} networks measured), so the limit on it "
        f"was raised {' and '.join(changes)}; the chosen network was measured within the budget, "
        "and the optimum stated is that of the raised limit"
    )
