"""Front and history of one subproblem."""

from __future__ import annotations

from maenas.backbone_search.report.part import Listed, SearchPart, published_place
from maenas.backbone_search.results.bounds import bound_line, place, raised_line, within
from maenas.backbone_search.results.plots import axis_label, divisor_of
from maenas.backbone_search.results.result import Result
from maenas.report import Curve, CurvePoint, Front, History, Section, chart, table
from maenas.report.charts import curve_table, data_of
from maenas.report.tables import Markup, paragraph, text

MOST_ROWS = 60  # rows of the front in its table


def front_section(part: SearchPart, networks: Listed, result: Result) -> Section:
    """Cost and score of the networks within all budgets."""
    problem = part.prepared.subproblem.problem
    ranged = problem.ranged
    scale = divisor_of(ranged.axis)
    label, unit = axis_label(problem, ranged.axis)
    if problem.paired:
        label = f"limit{place(problem, ranged.axis)}, the others in step"
    limits = [("budget", ranged.limit / scale)]
    if ranged.low is not None:
        limits.insert(0, ("smallest budget", ranged.low / scale))
    certified = [CurvePoint(one.limit / scale, one.upper) for one in part.front]
    why = None
    for found, _ in networks.found:
        if ranged.axis in found.raised:
            beyond = found.raised[ranged.axis] / scale
            limits.append(("raised limit", beyond))
            if certified and len(found.raised) == 1:
                certified.append(CurvePoint(beyond, found.certified.upper))
        why = raised_line(found, result.verified) or why
    front = Front(
        group=part.name,
        x_label=f"{label} [{unit}]" if unit else label,
        y_label=part.score_name,
        cloud=networks.cells,
        best=networks.best,
        certified=certified,
        found=[(networks.candidates.names[index], index) for _, index in networks.found],
        limits=limits,
        published=published_place(part),
    )
    anchor = f"front-{part.name}"
    about = f"{front.y_label} over {front.x_label} of the networks of scale {part.name}"
    body = paragraph(_shown(part, networks))
    if why is not None:
        body += paragraph(f"The result is beyond the budget here: {why}.")
    body += chart(anchor, about, _front_table(networks, part.name), steps=True)
    return Section(
        f"{anchor}-section",
        part.title("Front"),
        body,
        {anchor: data_of(front)},
        {part.name: networks.candidates.coded()},
    )


def _shown(part: SearchPart, networks: Listed) -> str:
    """What the chart shows of all that was evaluated."""
    outcome, problem = part.outcome, part.prepared.subproblem.problem
    limited = {budget.axis for budget in problem.budgets}
    claims = [device.model.claim for device in problem.devices if device.axis in limited]
    claim = f"{claims[0]} " if claims else ""
    if outcome.sample is None:
        return (
            "The exact solver needs no candidates: the chart shows its networks and the certified "
            f"front, which no network of the space {claim}within the budgets exceeds."
        )
    cells = (
        f"one mark for each of {networks.cells:,} cells of a fine grid: the best network in the "
        "cell, in a colour for the number of networks there"
    )
    if networks.cells == outcome.accepted:
        cells = "a mark for each"
    rejected = outcome.unique - outcome.accepted
    return (
        f"{outcome.evaluations:,} candidates were proposed, {outcome.unique:,} of them different; "
        f"{outcome.accepted:,} are within all budgets. The chart shows {cells}, and all "
        f"{len(networks.best):,} networks that are best at their cost. The other {rejected:,} "
        "exceed a budget and are left out: their limits have no axis here. No network of the space "
        f"{claim}within the budgets lies above the certified front. All candidates are in "
        "history.jsonl."
    )


def _front_table(networks: Listed, group: str) -> str:
    candidates = networks.candidates
    step = max(1, -(-len(networks.best) // MOST_ROWS))
    shown = [*networks.best[::-1][::step][::-1]]
    rows = []
    for index in shown:
        costs = [f"{c.values[index] / c.divisor:,.{c.digits}f}" for c in candidates.columns]
        rows.append([f"{candidates.scores[index]:.3f}", *costs, select_button(group, index)])
    titles = [f"{c.label} [{c.unit}]" if c.unit else c.label for c in candidates.columns]
    head = ("score", *titles, "show")
    caption = "Networks that are best at their cost"
    if step > 1:
        caption += f", {len(shown)} of {len(networks.best)}"
    return table(caption, head, rows, numbers=range(len(head) - 1))


def select_button(group: str, index: int) -> Markup:
    """A button that selects a network."""
    return Markup(
        f'<button type="button" data-group="{text(group)}" data-index="{index}" '
        f'aria-label="Show network {index} of {text(group)}">Show</button>'
    )


def history_section(part: SearchPart, networks: Listed) -> Section:
    """Best score so far, random search with as many candidates, and the certified optimum."""
    outcome, random = part.outcome, part.reference.random
    curves = []
    for name, found, rises in (
        ("this search", outcome, networks.rises),
        ("random search", random, networks.random_rises),
    ):
        curve = found.curve
        if not curve:
            continue
        known = rises or (-1,) * len(curve)
        points = [CurvePoint(x, y, index) for (x, y), index in zip(curve, known, strict=True)]
        if curve[-1][0] < found.evaluations:
            points.append(CurvePoint(found.evaluations, curve[-1][1], known[-1]))
        curves.append(Curve(name, points))
    certified = part.reference.certified[-1]
    limits = within(part.prepared.subproblem.problem, certified.limit)
    bounds = [_bound(limits, certified.upper)]
    finals = ", ".join(f"{curve.name} {curve.points[-1].y:.3f}" for curve in curves)
    about = f"Best score so far: {finals}. No network {limits} exceeds {certified.upper:.3f}."
    for one, _ in networks.found:
        if one.raised:
            raised = within(one.subproblem.problem, one.limit, one.raised)
            bounds.append(_bound(raised, one.certified.upper))
            about += (
                f" The chosen network, which was measured within the budget, scores "
                f"{one.score:.3f}: {bound_line(one)}."
            )
    history = History(part.name, part.score_name, curves, bounds)
    anchor = f"history-{part.name}"
    body = paragraph(about) + chart(
        anchor, about, curve_table("Best score at each rise", "candidates", curves)
    )
    return Section(f"{anchor}-section", part.title("History"), body, {anchor: data_of(history)})


def _bound(limits: str, upper: float) -> tuple[str, float]:
    """Name and value of a certified optimum."""
    return f"certified optimum {limits}: {upper:.3f}", upper
