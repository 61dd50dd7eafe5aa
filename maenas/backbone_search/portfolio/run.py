"""`maenas search --portfolio`: solve every score and variant, choose networks far apart, write."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from maenas import __version__
from maenas.backbone_search.effort import Effort
from maenas.backbone_search.plan import depth_limits, fingerprint
from maenas.backbone_search.portfolio.candidates import (
    Candidate,
    candidates,
    features_of,
    planned_subproblems,
)
from maenas.backbone_search.portfolio.options import (
    OPTIONS_FILE,
    PortfolioOptions,
    is_portfolio,
    load_options,
    save_options,
)
from maenas.backbone_search.portfolio.result import (
    REPORT_FILE,
    RESULT_FILE,
    SPEC_FILE,
    Member,
    Portfolio,
    is_written,
    write_portfolio,
)
from maenas.backbone_search.portfolio.solved import (
    SOLVED_FILE,
    restored_candidates,
    save_solved,
)
from maenas.backbone_search.portfolio.spread import distances, spread_out
from maenas.backbone_search.priced_devices import device_names_in
from maenas.backbone_search.results.figures import score_spec
from maenas.backbone_search.results.lines import costs_line, optimum_line, score_line
from maenas.backbone_search.run import tell_losses
from maenas.backbone_search.run_folder import (
    check_folder_options,
    is_begun,
    opened_run,
    remove_files,
    require_own,
    require_same,
    require_stamp,
    startable,
)
from maenas.blocks import dump_backbone
from maenas.blocks.backbone_file import Metadata
from maenas.blocks.files.temporary import sweep_temporaries
from maenas.budgets import InfeasibleError
from maenas.runs.config import SearchConfig
from maenas.runs.named_files import kept_in
from maenas.runs.start import mark_begun
from maenas.terminal.device_warnings import warn_of

LOG = logging.getLogger(__name__)

COMMAND = "portfolio"
MEMBER = re.compile(r"\d+-")  # name of the folder of a network


def run_portfolio(
    options: PortfolioOptions,
    out: Path | None,
    resume: bool,
    exist_ok: bool,
    effort: Effort,
    asked: Collection[str] | None = None,
) -> Portfolio:
    """Certified optima of several scores that are far from each other, and their files.

    Args:
        options: options of the portfolio; those of the folder hold for one that is resumed.
        out: folder of the portfolio; None for the next `runs/portfolio/exp`, or the last one to
            resume.
        resume: whether to continue the portfolio in the folder; what it solved is kept.
        exist_ok: whether to replace the portfolio in the folder.
        effort: number of workers, or a Ray cluster.
        asked: names of the options that a resumed portfolio must agree with; None for all.
    Raises:
        InfeasibleError: if no network meets the budgets.
        MaenasError: if an option is wrong.
    """
    check_folder_options(resume, exist_ok)
    with opened_run(out, resume, exist_ok, COMMAND, is_portfolio) as folder:
        path, stamp = folder / OPTIONS_FILE, None
        if resume and is_begun(folder):
            saved, stamp = load_options(path)
            require_same(path, options.differences(saved, asked))
            options = saved
        else:
            startable(options.search, folder, resume)
            require_own(folder, is_portfolio, "a portfolio")
        waiting = candidates(options)
        planned = planned_subproblems(waiting)
        warn_of(each.problem.device for each in planned)
        digest = fingerprint(planned)
        if stamp is None:
            solved = all_solved(waiting, [None] * len(waiting), folder, effort, (options, digest))
        else:
            require_stamp(path, digest, stamp)
            known = restored_candidates(folder, waiting, planned)
            solved = all_solved(waiting, known, folder, effort)
        return written(solved, options.span.portfolio, folder)


def begin(options: PortfolioOptions, digest: str, folder: Path) -> None:
    """Replace the portfolio in a folder by a new one, which can be resumed from here on."""
    remove_files(folder, clear)
    save_options(options, digest, folder)
    mark_begun(folder)


def clear(folder: Path) -> None:
    """Remove the files of an old portfolio, so that none is taken for a file of the new one.

    The options stay until they are replaced: they mark the folder as that of a portfolio.
    """
    remove_results(folder, ())
    (folder / SOLVED_FILE).unlink(missing_ok=True)


def remove_results(folder: Path, members: Collection[str]) -> None:
    """Remove the result of a portfolio, and the networks that are not among its members."""
    for name in (RESULT_FILE, REPORT_FILE):
        (folder / name).unlink(missing_ok=True)
    for spec in folder.glob(f"*/{SPEC_FILE}"):
        if MEMBER.match(spec.parent.name) and spec.parent.name not in members:
            spec.unlink()
            sweep_temporaries(spec.parent)
            with suppress(OSError):  # a training lies in it
                spec.parent.rmdir()


def all_solved(
    waiting: Sequence[Candidate],
    known: Sequence[Candidate | None],
    folder: Path,
    effort: Effort,
    start: tuple[PortfolioOptions, str] | None = None,
) -> list[Candidate]:
    """All candidates with their networks; those that are not known yet are solved and saved.

    Args:
        waiting: all candidates.
        known: each candidate as an earlier process solved it; None for one to solve.
        folder: folder of the portfolio.
        effort: number of workers, or a Ray cluster.
        start: options and digest of a portfolio that begins as soon as one network meets the
            budgets; None for one that began earlier.
    """
    solved = [*known]
    left = [index for index, each in enumerate(known) if each is None]
    if not left:  # nothing needs a worker
        return [each for each in solved if each is not None]
    with effort.opened() as executor:
        LOG.info(f"portfolio: {len(left)} scores and variants to solve")
        found = executor.map(Candidate.solve, [waiting[index] for index in left])
        for number, (index, each) in enumerate(zip(left, found, strict=True), start=1):
            solved[index] = each
            if start is not None and each.found is not None:
                begin(*start, folder)
                start = None
            if start is None:
                save_solved([one for one in solved if one is not None], folder)
            LOG.info(f"portfolio: {number} of {len(left)} solved, {each.name}")
        tell_losses(executor)
    return [each for each in solved if each is not None]


def written(solved: Sequence[Candidate], count: int, folder: Path) -> Portfolio:
    """The portfolio of solved candidates, in its files.

    Raises:
        InfeasibleError: if no network meets the budgets.
    """
    members, notes, feasible = chosen(solved, count)
    networks = tuple(member for member, _ in members)
    portfolio = Portfolio(folder, networks, feasible, tuple(notes))
    if not is_written(portfolio):
        remove_results(folder, [member.name for member in networks])
        for member, candidate in members:
            write_spec(member, candidate.config, folder)
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
    sweep_temporaries(path.parent)
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
    dump_backbone(found.backbone, path, lines, kept_in(metadata, path))
