"""What a search found, in numbers: summary, budgets, networks, finalists, provenance."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from shlex import quote

from maenas import __version__
from maenas.backbone_search.binding import SPARE, binding_limits
from maenas.backbone_search.plan import depth_limits
from maenas.backbone_search.report.charts import select_button
from maenas.backbone_search.results.bounds import place
from maenas.backbone_search.results.lines import (
    beside_line,
    budget_line,
    costs_line,
    finalist_line,
    latency_columns,
    measured_on_line,
    optimum_line,
    random_line,
    score_line,
)
from maenas.backbone_search.results.result import Found, Result
from maenas.budgets import show, show_amount
from maenas.detector.channels import shown_shape
from maenas.report import Agreement, Facts, Figure, Gauge, Section, chart, commands, facts, table
from maenas.report import figures as tiles
from maenas.report import gauges as bars
from maenas.report.charts import data_of
from maenas.report.tables import notes, paragraph

NO_COMPARISON = (
    "Each search has a score of its own: scores of different spaces or scales do not compare, "
    "and none of them is the accuracy of a detector."
)


def summary_section(result: Result) -> Section:
    """The numbers of the best network, and what they are compared with."""
    best = result.best
    problem = best.subproblem.problem
    ranged = problem.ranged
    shown = [Figure("score", f"{best.score:.4f}", optimum_line(best), best.proven)]
    for device in problem.devices:
        spent, limit = best.spent(device.axis), best.limits.get(device.axis)
        share = ""
        if limit is not None and (problem.further or device.axis == ranged.axis):
            limit, kind = best.raised.get(device.axis, limit), "the raised limit of "
            kind = kind if device.axis in best.raised else ""
            share = f"{100 * spent / limit:.1f} % of {kind}{show('latency_ms', limit)}"
        name = f"latency, {device.model.claim} on {device.name}"
        shown.append(Figure(name, f"{spent:.3f} ms", share, bool(share)))
    if result.verified:
        one = result.verified[0]
        measured = f"{one.measured_ms:.3f} ms", f"the prediction is {100 * one.error:+.1f} % off"
        shown.insert(1, Figure("latency, measured", *measured, one.within))
    beside = best.beside
    shown += [
        Figure(
            f"level C{beside.levels}",
            f"{100 * beside.score_share:.0f} %",
            f"of the score, {100 * beside.macs_share:.0f} % of the backbone's MACs",
        ),
        Figure("activations", f"{beside.activations / 1e6:.2f} M", "of the backbone"),
        Figure("MACs", f"{best.cost.macs / 1e9:.3f} G", f"{2 * best.cost.macs / 1e9:.2f} GFLOPs"),
        Figure("params", f"{best.cost.params / 1e6:.3f} M", f"{best.backbone.layers} layers"),
        Figure("random search", _number(best.random_score), "best score with as many candidates"),
    ]
    if result.published is not None:
        score, price = result.published
        at = f"at {price.latency_ms:.3f} ms" if problem.device else f"{price.macs / 1e9:.2f} GMACs"
        name = f"damo-yolo-{best.subproblem.template.name}"
        shown.append(Figure(f"published {name}", f"{score:.3f}", at))
    evaluations = sum(outcome.evaluations for outcome in result.outcomes)
    shown.append(Figure("candidates", f"{evaluations:,}", f"{result.seconds:.1f} s in all"))
    about = (
        "The score ranks networks of one space and scale; it is not the accuracy of a detector. "
        "A share of this score's optimum is not a share of the accuracy that can be reached."
    )
    body = tiles(shown) + paragraph(about, "quiet") + notes(result.notes)
    return Section("summary", "Summary", body)


def _number(score: float | None) -> str:
    return "none" if score is None else f"{score:.4f}"


def budgets_section(result: Result) -> Section:
    """What the best network spends of each budget, and the limits that bind."""
    best = result.best
    problem = best.subproblem.problem
    shown = []
    for budget in problem.budgets:
        limit, spent = best.limits[budget.axis], best.spent(budget.axis)
        measured, amount = result.measured_ms(best, budget.axis), show(budget.quantity, spent)
        if measured is not None:
            amount = f"{show(budget.quantity, measured)} measured ({amount} predicted)"
            spent = measured
        names = {"latency_ms": "latency", "macs": "MACs", "memory_bytes": "largest operator"}
        label = names.get(budget.quantity, budget.quantity) + place(problem, budget.axis)
        is_used = spent > (1 - SPARE) * limit
        shown.append(Gauge(label, amount, show_amount(budget, limit), spent / limit, is_used))
    reasons = binding_limits(best, problem)
    body = (
        bars(shown)
        + paragraph(
            "Limits that bind beside the first budget:"
            if reasons
            else "No other limit binds: more of the first budget would raise the score."
        )
        + notes(reasons)
    )
    return Section("budgets", "Budgets", body)


def networks_section(result: Result, places: dict[int, tuple[str, int]]) -> Section:
    """The network under each limit.

    Args:
        result: result of the search.
        places: group and index of each network, by its index in `result.networks`.
    """
    rows = []
    for number, found in enumerate(result.networks):
        price = found.cost
        devices = found.subproblem.problem.devices
        latency = [f"{found.spent(device.axis):.3f}" for device in devices]
        latency = [cell for _, cell in latency_columns(found)] or latency
        rows.append(
            (
                _bound_limit(found),
                found.subproblem.template.name,
                f"{found.score:.3f}",
                f"{100 * found.share:.3f} %",
                *latency,
                f"{price.macs / 1e9:.3f}",
                f"{price.params / 1e6:.3f}",
                found.backbone.layers,
                str(result.spec_path(found).relative_to(result.folder)),
                select_button(*places[number]),
            )
        )
    timed = ["latency [ms]"] if result.best.subproblem.problem.device else []
    timed = [name for name, _ in latency_columns(result.best)] or timed
    head = (
        "limit",
        "scale",
        "score",
        "of score's optimum",
        *timed,
        "MACs [G]",
        "params [M]",
        "layers",
        "spec",
        "show",
    )
    caption = f"Best network under each limit; the files are in {result.folder}"
    body = table(caption, head, rows, range(2, len(head) - 2))
    if len({found.subproblem.template.name for found in result.networks}) > 1:
        body += paragraph(NO_COMPARISON)
    return Section("networks", "Networks", body)


def _bound_limit(found: Found) -> str:
    """The limit that the share of the optimum is within."""
    ranged = found.subproblem.problem.ranged
    raised = found.raised.get(ranged.axis)
    if raised is None:
        return show(ranged.quantity, found.limit)
    return f"{show(ranged.quantity, raised)}, raised"


def finalists_section(result: Result) -> list[Section]:
    """The finalists on random networks; [] if none was scored."""
    ranks = result.reranking
    if not result.monte_carlo and ranks is None:
        return []
    lines = [(f"finalist {entry.rank}", finalist_line(entry)) for entry in result.monte_carlo]
    if ranks is not None:
        lines += [("re-ranked", line) for line in ranks.lines()]
    return [Section("finalists", "Finalists", facts(lines, "wide"))]


def measured_section(result: Result) -> list[Section]:
    """Predicted against measured latency on each device that measured."""
    measured = result.verified[0].measurements if result.verified else ()
    return [_measured_section(result, number) for number in range(len(measured))]


def _measured_section(result: Result, number: int) -> Section:
    """Predicted against measured latency on one device."""
    each = [(one, one.measurements[number]) for one in result.verified]
    problem, chosen_one = result.best.subproblem.problem, each[0][1]
    axis = next(one.axis for one in problem.devices if one.name == chosen_one.device)
    agreement = Agreement(
        "ms",
        [(f"finalist {v.rank}", one.predicted_ms, one.measured_ms) for v, one in each],
        result.best.limits[axis],
    )
    rows = [
        (
            v.rank,
            f"{v.score:.3f}",
            f"{one.predicted_ms:.4f}",
            f"{one.measured_ms:.4f}",
            f"{100 * one.error:+.1f} %",
            "yes" if one.within else "no",
            "; ".join(one.warnings),
        )
        for v, one in each
    ]
    head = ("finalist", "score", "predicted [ms]", "measured [ms]", "error", "within", "warnings")
    about = (
        f"measured {chosen_one.measured_ms:.4f} ms, predicted {chosen_one.predicted_ms:.4f} ms; "
        f"{measured_on_line(result.measured_on)}"
    )
    anchor = f"measured-{number}" if number else "measured"
    body = paragraph(f"The chosen finalist: {about}.")
    body += chart(f"{anchor}-chart", "Predicted against measured latency of the finalists")
    body += table("Finalists measured on the device", head, rows, range(5))
    title = f"Predicted against measured{place(problem, axis)}"
    return Section(anchor, title, body, {f"{anchor}-chart": data_of(agreement)})


def commands_section(result: Result) -> Section:
    """Commands that repeat the search and go on from it."""
    spec = quote(str(result.spec_path(result.best)))
    listed = [
        ("Repeat the search.", result.command),
        ("Show the stages of the best network with their costs.", f"maenas show {spec}"),
        (
            "Put a neck and a head around it, ready to be trained.",
            f"maenas build-detector {spec} --out runs/detector",
        ),
    ]
    if len(result.networks) > 1:
        folder = quote(str(result.folder))
        listed.append(
            (
                "Train the family, the largest as teacher.",
                f"maenas train-family {folder} --data data.yaml",
            )
        )
    return Section("commands", "Commands", commands(listed))


def provenance_section(result: Result) -> Section:
    """Where each number comes from."""
    best = result.best
    problem = best.subproblem.problem
    rows: list[tuple[str, object]] = [
        ("command", result.config.command()),
        (
            "scale",
            f"template {best.subproblem.template.name}, space {problem.space.name}, "
            f"budgets of the {result.config.scope}",
        ),
        ("classes", best.subproblem.template.head.num_classes),
        ("images", f"{shown_shape(best.backbone.in_shape)} pixels"),
        ("depth limits", depth_limits(problem)),
        ("maximised", f"{problem.score.name}; {score_line(problem)}"),
        ("score", f"{best.score:.4f}; {optimum_line(best, 4)}"),
        ("beside the score", beside_line(best)),
        ("baseline", random_line(best)),
        ("costs", costs_line(best)),
    ]
    if problem.further:
        latencies = [b for b in problem.budgets if b.quantity == "latency_ms"]
        rows += [
            ("budget", budget_line(best, b, result.measured_ms(best, b.axis))) for b in latencies
        ]
    for device in problem.devices:
        name = f"{device.name}: " if problem.further else ""
        rows.append(("latency", f"{name}{device.model.about}"))
        if device.model.warning is not None:
            rows.append(("warning", f"{name}{device.model.warning}"))
    if result.measured_on:
        rows.append(("measured on", measured_on_line(result.measured_on)))
    rows += [
        ("candidates", _counts(result)),
        (
            "search",
            f"{result.config.algorithm}, random seed {result.config.seed}, {result.seconds:.1f} s",
        ),
        (
            "software",
            f"maenas {__version__}, Python {platform.python_version()}, "
            f"{platform.system()} {platform.machine()}",
        ),
        ("folder", result.folder),
    ]
    return Section("provenance", "Provenance", facts(_filled(rows), "wide"))


def _counts(result: Result) -> str:
    outcomes = result.outcomes
    evaluations = sum(outcome.evaluations for outcome in outcomes)
    unique = sum(outcome.unique for outcome in outcomes)
    accepted = sum(outcome.accepted for outcome in outcomes)
    return f"{evaluations:,} proposed, {unique:,} different, {accepted:,} within the budgets"


def _filled(rows: Sequence[tuple[str, object]]) -> Facts:
    return [row for row in rows if row[1] not in ("", None)]


def chosen(found: Found) -> list[tuple[str, str]]:
    """Score and costs of a network as names and values."""
    return [("score", f"{found.score:.4f}"), ("costs", costs_line(found))]
