"""`maenas run`: every step from a data set and a budget to a detector, one after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import maenas
from maenas.blocks.errors import MaenasError
from maenas.pipeline.options import RunOptions, require_same, require_usable
from maenas.pipeline.plan import PROFILE, VAL, RunPlan, make_plan
from maenas.pipeline.record import FILE, FinishedStep, RunRecord, load_record
from maenas.pipeline.report import write_report
from maenas.pipeline.result import RunResult
from maenas.pipeline.step import Step
from maenas.runs import start
from maenas.runs.folders import TRAINING
from maenas.runs.run_lock import contents

LOG = logging.getLogger(__name__)
EVALUATED = {"val", "test"}  # splits, one of which a run needs


def run_steps(
    options: RunOptions | None,
    out: Path | None = None,
    resume: bool = False,
    given: Collection[str] = (),
) -> RunResult:
    """Do all steps that are not finished yet.

    Args:
        options: options of the run; None to take those of the run that is resumed.
        out: folder of the run; None for the next `runs/run/exp`, or the last one to resume.
        resume: whether to continue the run in the folder.
        given: names of options that a resumed run must agree with.
    Raises:
        MaenasError: if a step fails; the finished ones are kept.
    """
    with _folder(out, resume) as folder:
        record = _record(options, folder, resume, given)
        plan = make_plan(record.options, folder)
        if PROFILE in record.names:  # it has left the table that makes another profile needless
            plan = replace(plan, profiles=True, measures=True)
        if not record.steps:
            start.mark_start(folder)
            record.save(folder)
            start.mark_begun(folder)
        try:
            result = RunResult(folder, plan, _finish(plan, record))
        except MaenasError:
            _forget(folder)
            raise
        write_report(result)
        return result


def _forget(folder: Path) -> None:
    """Remove the record of a run whose first step failed and left nothing, such as a wrong path.

    Otherwise its empty folder would be the one that `--resume` continues.
    """
    if [path.name for path in contents(folder)] == [FILE] and not load_record(folder).steps:
        (folder / FILE).unlink()


def _folder(out: Path | None, resume: bool) -> AbstractContextManager[Path]:
    if resume:
        return start.resumed_run(out, "run", lambda folder: (folder / FILE).exists())
    return start.new_run(out, "run", None, can_resume=True)


def _record(
    options: RunOptions | None, folder: Path, resume: bool, given: Collection[str]
) -> RunRecord:
    """The record of the run in the folder, or that of a new one."""
    if resume and (folder / FILE).exists():
        record = load_record(folder)
        if options is not None:
            require_same(options, record.options, given, folder / FILE)
        return record
    is_killed_start = (folder / start.START_FILE).exists()
    if options is None or (resume and not given and not is_killed_start):
        raise MaenasError(f"{folder}: there is no run to resume; leave --resume out to start one.")
    require_usable(options)
    return RunRecord(options)


def _finish(plan: RunPlan, record: RunRecord) -> RunRecord:
    makers = plan.makers
    for number, (name, make) in enumerate(makers.items(), start=1):
        if name in record.names:
            continue
        step = make().again()
        LOG.info(f"[{number}/{len(makers)}] {step.announcement}", extra={"style": "bold"})
        started = time.monotonic()
        result = done(step)
        if step.function == "val" and plan.shares_evaluation:
            from maenas.training.evaluator import copy_final_evaluation

            copy_final_evaluation(plan.folder / VAL, plan.folder / TRAINING)
        seconds = time.monotonic() - started
        record = record.with_step(FinishedStep(name, step.command, seconds, result))
        record.save(plan.folder)
    return record


def done(step: Step) -> dict[str, Any]:
    """Do a step, and return its result as plain data.

    Raises:
        MaenasError: if the step fails, or the data set has errors or nothing to evaluate on.
    """
    result = getattr(maenas, step.function)(*step.positional, **step.given)
    data: dict[str, Any] = {"path": str(result)} if isinstance(result, Path) else result.to_json()
    if step.function == "check_data" and result.errors:
        first = next(problem for problem in result.problems if problem.severity == "error")
        raise MaenasError(f"{first}; `{step.command}` lists {result.errors} such errors.")
    if step.function == "check_data" and not EVALUATED & set(result.splits):
        raise MaenasError(
            f"{result.source}: has neither a val nor a test split, on which a run evaluates its "
            "detector; move a part of the training images into one. `maenas train` needs none."
        )
    return data
