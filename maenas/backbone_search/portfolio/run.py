"""`maenas search --portfolio`: solve every score and variant, choose networks far apart, write."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from maenas import __version__
from maenas.backbone_search.effort import Effort
from maenas.backbone_search.plan import depth_limits
from maenas.backbone_search.portfolio.candidates import Candidate, candidates, features_of
from maenas.backbone_search.portfolio.result import SPEC_FILE, Member, Portfolio, write_portfolio
from maenas.backbone_search.portfolio.spread import distances, spread_out
from maenas.backbone_search.priced_devices import device_names_in
from maenas.backbone_search.results.figures import score_spec
from maenas.backbone_search.results.lines import costs_line, optimum_line, score_line
from maenas.blocks import SpecError, dump_backbone
from maenas.blocks.backbone_file import Metadata
from maenas.budgets import InfeasibleError
from maenas.budgets.image_size import InputSize
from maenas.runs.config import SearchConfig
from maenas.runs.start import new_run
from maenas.terminal.device_warnings import warn_of

LOG = logging.getLogger(__name__)

COMMAND = "portfolio"


def run_portfolio(
    config: SearchConfig,
    count: int,
    spaces: Sequence[str | None],
    templates: Sequence[str | None],
    input_sizes: Sequence[InputSize],
    out: Path | None,
    exist_ok: bool,
    effort: Effort,
) -> Portfolio:
    """Certified optima of several scores that are far from each other, and their files.

    Args:
        config: options of the search; its score gives the first network.
        count: number of networks.
        spaces: search spaces that the portfolio spans.
        templates: scales of neck and head that it spans.
        input_sizes: sides of the input that it spans.
        out: folder of the portfolio; None for the next `runs/portfolio/exp`.
        exist_ok: whether to replace files in the folder.
        effort: number of workers, or a Ray cluster.
    Raises:
        InfeasibleError: if no network meets the budgets.
        MaenasError: if an option is wrong.
    """
    if count < 2:
        raise SpecError(f"portfolio: must have at least 2 networks, got {count}.")
    if not config.budgets:
        raise SpecError("budget: at least one is needed, such as --budget 3.8ms --device t4.")
    waiting = candidates(config, count, spaces, templates, input_sizes)
    with new_run(out, COMMAND, exist_ok) as folder:
        with effort.opened() as executor:
            LOG.info(f"portfolio: {len(waiting)} scores and variants to solve")
            solved = []
            for each in executor.map(Candidate.solve, waiting):
                solved.append(each)
                LOG.info(f"portfolio: {len(solved)} of {len(waiting)} solved, {each.name}")
        members, notes, feasible = chosen(solved, count)
        warn_of(member.found.subproblem.problem.device for member, _ in members)
        for member, candidate in members:
            write_spec(member, candidate.config, folder)
        networks = tuple(member for member, _ in members)
        portfolio = Portfolio(folder, networks, feasible, tuple(notes))
        write_portfolio(portfolio)
    return portfolio


def chosen(
    solved: Sequence[Candidate], count: int
) -> tuple[list[tuple[Member, Candidate]], list[str], int]:
    """The members with their candidates, notes, and how many candidates have a network.

    Raises:
        InfeasibleError: if no network meets the budgets.
    """
    feasible: dict[object, Candidate] = {}
    notes = list(dict.fromkeys(each.note for each in solved if each.note))
    for each in solved:
        if each.found is not None:
            same = (each.found.backbone, each.found.subproblem.template.name)
            feasible.setdefault(same, each)
    if not feasible:
        raise InfeasibleError("; ".join(notes))
    kept = list(feasible.values())
    features = features_of([each.found for each in kept if each.found is not None])
    picked = spread_out(features, count)
    if len(picked) < count:
        notes.append(f"{len(picked)} networks instead of {count}: the other optima are the same")
    spread = features.std(axis=0)
    scaled = features / [each or 1.0 for each in spread]
    members = []
    for number, index in enumerate(picked, 1):
        candidate = kept[index]
        assert candidate.found is not None
        others = [other for other in picked if other != index]
        away = float(distances(scaled, others)[index]) if others else 0.0
        name = f"{number}-{candidate.name}"
        command = candidate.config.command()
        members.append((Member(name, candidate.found, away, command), candidate))
    return members, notes, len(kept)


def write_spec(member: Member, config: SearchConfig, folder: Path) -> None:
    """Write the file of a network with its receipt."""
    found = member.found
    problem, template = found.subproblem.problem, found.subproblem.template
    path = folder / member.name / SPEC_FILE
    path.parent.mkdir(exist_ok=True)
    lines = (
        member.command,
        f"maenas {__version__}; space {problem.space.name}, template {template.name}, budgets of "
        f"the {config.scope}; {depth_limits(problem)}; {score_line(problem)}",
        f"score {found.score:.4f}, {optimum_line(found, 4)}",
        costs_line(found),
    )
    priced, names = config.scope == "detector", device_names_in(config)
    metadata = Metadata(
        template=template.name if priced else None,
        device=names[0] if names else None,
        num_classes=template.head.num_classes if priced else None,
        score=score_spec(config, problem),
        provenance={
            "maenas": __version__,
            "command": member.command,
            "space": problem.space.name,
            "budgets": " ".join(budget.text for budget in problem.budgets),
            "scope": config.scope,
            "score": round(found.score, 4),
            "optimum_at_most": round(found.certified.upper, 4),
        },
    )
    dump_backbone(found.backbone, path, lines, metadata)
