"""`maenas search`: plan, search, prove, compare, write."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from maenas.backbone_search.effort import Effort
from maenas.backbone_search.job import Job
from maenas.backbone_search.objects import SearchObjects
from maenas.backbone_search.plan import plan
from maenas.backbone_search.progress import SearchLine
from maenas.backbone_search.results.finish import finished_result
from maenas.backbone_search.results.result import Result
from maenas.backbone_search.results.saved import saved_result
from maenas.backbone_search.run_folder import (
    check_folder_options,
    is_begun,
    opened_run,
    replace_run,
    resumed,
    startable,
)
from maenas.backbone_search.tasks import (
    Baseline,
    BoundsAndBaseline,
    PreparedSearch,
    WholeSearch,
    bounds,
    find,
    settings_of,
)
from maenas.blocks import SpecError
from maenas.blocks.files.atomic_write import write_bytes
from maenas.blocks.files.temporary import sweep_temporaries
from maenas.budgets import InfeasibleError
from maenas.nas import (
    EXACT,
    Outcome,
    RandomSearch,
    better_of,
)
from maenas.nas.executors import Executor, Shared
from maenas.runs.config import SearchConfig
from maenas.runs.start import mark_begun
from maenas.terminal.console import count_of
from maenas.terminal.device_warnings import warn_of

LOG = logging.getLogger(__name__)


def run_search(
    config: SearchConfig | None,
    out: Path | None,
    resume: bool = False,
    exist_ok: bool = False,
    effort: Effort | None = None,
    asked: Collection[str] | None = None,
    objects: SearchObjects | None = None,
) -> Result:
    """Search, and write all results into the folder of the run.

    Args:
        config: options of the search; None to read them from the run that is resumed.
        out: folder of the run; None for the next free one under `runs/search`, or for the last
            one used if a run is resumed.
        resume: whether to continue the run in the folder.
        exist_ok: whether to replace the run in the folder.
        effort: compute options; None for the defaults.
        asked: fields of `config` that a resumed run must agree with; None for all.
        objects: score, searcher and space that replace what the options name.
    Raises:
        MaenasError: for an error that the user can fix, in one line.
    """
    effort = effort or Effort()
    check_folder_options(resume, exist_ok)
    with opened_run(out, resume, exist_ok) as folder:
        goes_on = resume and is_begun(folder)
        if goes_on:
            config, subproblems = resumed(config, asked, folder, objects)
        else:
            config = startable(config, folder, resume)
            subproblems = plan(config, objects)
        saved = saved_result(folder, config, subproblems) if goes_on else None
        warn_of(subproblem.problem.device for subproblem in subproblems)
        if saved is not None and effort.is_spent(saved, asked):
            return saved
        job = Job(config, folder, goes_on, subproblems, objects=objects)
        with effort.opened() as executor:
            job.prepare(effort)
            if not goes_on:
                replace_run(folder)
                job.save_config()
                mark_begun(folder)  # a training may have been killed at its start here
            (result,) = results([job], executor, effort)
            tell_losses(executor)
    if isinstance(result, InfeasibleError):
        raise result
    return result


def tell_losses(executor: Executor) -> None:
    """Report how many batches ran again because a worker ended early."""
    if executor.losses:
        batches = count_of(executor.losses, "batch")
        LOG.info(f"{batches} had to run again elsewhere")


def results(
    jobs: list[Job], executor: Executor, effort: Effort
) -> Iterator[Result | InfeasibleError]:
    """The result of each search in order, written as soon as it is complete.

    The workers receive all their tasks at once: whole searches if there are several, bounds,
    baselines and random networks. The results do not depend on the number of workers.
    """
    parts = [(job, part) for job in jobs for part in job.parts]
    for job, part in parts:
        LOG.debug("search %s, %s, %s", _name(part), job.config.algorithm, effort)
    shared = [executor.share(part) for _, part in parts]
    outcomes = _outcomes(parts, shared, executor, effort)
    certified = executor.map(bounds, shared)
    baselines = executor.map(
        Baseline.run,
        [
            Baseline(sent, job.config.evaluations, job.config.seed + 1)
            for (job, _), sent in zip(parts, shared, strict=True)
        ],
    )
    for job in jobs:
        if job is not jobs[0]:
            job.started = time.monotonic()  # without the time of the searches before it
        found = [next(outcomes) for _ in job.parts]
        LOG.info("bounding the optimum, running the random baseline")
        references = [BoundsAndBaseline(next(certified), next(baselines)) for _ in job.parts]
        if job.config.algorithm != RandomSearch.name:  # keep the baseline's own result
            found = [
                better_of(outcome, against.certified, part.evaluator)
                for outcome, against, part in zip(found, references, job.parts, strict=True)
            ]
        missing = next((outcome for outcome in found if outcome.best[-1] is None), None)
        yield (
            _nothing(missing)
            if missing
            else finished_result(job, found, references, executor, effort)
        )


def _outcomes(
    parts: list[tuple[Job, PreparedSearch]],
    shared: list[Shared[PreparedSearch]],
    executor: Executor,
    effort: Effort,
) -> Iterator[Outcome]:
    """The outcome of each search; several searches run in workers, a single one in this process."""
    tasks = {
        index: WholeSearch(
            shared[index],
            settings_of(job.config, part, effort.kept),
            exact=job.config.algorithm == EXACT,
        )
        for index, (job, part) in enumerate(parts)
        if len(parts) > 1
        and executor.workers > 1
        and job.config.islands == 1
        and not job.goes_on(part)
    }
    sent = executor.map(WholeSearch.run, list(tasks.values()))

    def one(index: int) -> Outcome:
        job, part = parts[index]
        if index not in tasks:
            return _find_here(job, part, executor, effort)
        searched = next(sent)
        folder = _made(job.folder_of(part))
        for name, packed in searched.files.items():
            write_bytes(folder / name, zlib.decompress(packed))
        outcome = searched.outcome
        best = "none within budget" if not outcome.curve else f"best {outcome.curve[-1][1]:.3f}"
        LOG.info(f"{_name(part)}: {outcome.evaluations:,} candidates, {best}")
        return outcome

    return map(one, range(len(parts)))


def _find_here(job: Job, part: PreparedSearch, executor: Executor, effort: Effort) -> Outcome:
    """The outcome of one subproblem searched by this process, with a progress line."""
    resume = job.goes_on(part)
    folder = _made(job.folder_of(part))
    settings = settings_of(job.config, part, effort.kept)
    with SearchLine(_name(part), part.subproblem.problem, job.config.evaluations) as line:
        exact = job.config.algorithm == EXACT
        return find(settings, part, folder, resume, executor, line, exact)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(exist_ok=True)
        sweep_temporaries(folder)
    except OSError as error:
        raise SpecError(f"{folder}: cannot be created: {error.strerror or error}.") from None
    return folder


def _name(part: PreparedSearch) -> str:
    return f"{part.subproblem.problem.space.name}/{part.subproblem.template.name}"


def _nothing(outcome: Outcome) -> InfeasibleError:
    return InfeasibleError(
        f"search: none of {outcome.unique:,} networks met all limits at once (budgets, layers, "
        "effectiveness), though each budget can be met alone; raise one, or --evaluations."
    )
