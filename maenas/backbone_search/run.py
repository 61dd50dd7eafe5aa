"""`maenas search`: plan, search, prove, compare, write."""

from __future__ import annotations

import time
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from maenas.backbone_search.binding import unused_note
from maenas.backbone_search.finalists import (
    forward_name,
    forward_of,
    score_finalists,
)
from maenas.backbone_search.objects import SearchObjects
from maenas.backbone_search.plan import Subproblem, fingerprint, plan
from maenas.backbone_search.plots import plot_curve, plot_scatter
from maenas.backbone_search.progress import SearchLine
from maenas.backbone_search.report import report_text
from maenas.backbone_search.result import Found, Result, published_figures
from maenas.backbone_search.run_folder import is_begun, opened_run, replace_run, resumed
from maenas.backbone_search.saved import saved_result
from maenas.backbone_search.tasks import (
    Baseline,
    BoundsAndBaseline,
    PreparedSearch,
    WholeSearch,
    bounds,
    find,
    prepare,
    settings_of,
    skipped_note,
)
from maenas.backbone_search.verify import Verified, Verifier, make_verifier
from maenas.blocks import Backbone, SpecError, dump_backbone
from maenas.blocks.files.atomic_write import write_bytes, write_text
from maenas.blocks.files.temporary import sweep_temporaries
from maenas.budgets import InfeasibleError
from maenas.nas import (
    EXACT,
    FINALISTS,
    TARGET_GAP,
    ForwardScore,
    Outcome,
    RandomSearch,
    better_of,
    effectiveness,
    solve_exactly,
)
from maenas.nas.executors import Executor, Shared, opened_executor
from maenas.runs.config import SearchConfig, save_config
from maenas.terminal.console import ERR, count_of
from maenas.terminal.device_warnings import warn_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Compute options of a search; `verify` and `rerank` can change the network that it returns.

    Attributes:
        workers: number of processes; 1 computes everything in this process.
        ray: address of a Ray cluster to use instead of local processes.
        finalists: number of networks that are also scored on random weights.
        finalist_seeds: number of random networks for each finalist.
        verify: number of finalists to measure on the device; the search returns the best measured.
        rerank: forward-pass score that ranks the finalists again, or its name; the search returns
            the finalist that it ranks first. None to keep the ranking of the search.
        executor: executor to use instead of `workers` and `ray`; it stays open.
    Raises:
        SpecError: for a negative number, or options that exclude each other.
    """

    workers: int = 1
    ray: str | None = None
    finalists: int = 3
    finalist_seeds: int = 4
    verify: int = 0
    rerank: str | ForwardScore | None = None
    executor: Executor | None = None

    def __post_init__(self) -> None:
        if self.workers < 1 or self.finalists < 0 or self.verify < 0:
            raise SpecError(
                "search: workers must be at least 1, finalists and verify at least 0, got "
                f"{self.workers}, {self.finalists} and {self.verify}."
            )
        if self.finalist_seeds < 1:
            raise SpecError(
                f"search: finalist_seeds must be at least 1, got {self.finalist_seeds}."
            )
        if self.rerank is not None and self.finalists < 2:
            raise SpecError(f"rerank: needs at least 2 finalists, got {self.finalists}.")
        if self.rerank is not None and self.verify:
            raise SpecError(
                "search: --verify and --rerank both choose among the finalists; give one."
            )
        if self.executor is not None and (self.workers > 1 or self.ray is not None):
            raise SpecError(
                "search: an executor has workers of its own; leave workers and ray out."
            )

    @contextmanager
    def opened(self) -> Iterator[Executor]:
        """The executor of a search, closed at the end unless it was handed in.

        Raises:
            MaenasError: if the cluster cannot be used.
        """
        if self.executor is not None:
            yield self.executor
            return
        with opened_executor(self.workers, self.ray) as executor:
            yield executor

    @property
    def rerank_name(self) -> str | None:
        """Name of the score that ranks the finalists again; None if there is none."""
        return None if self.rerank is None else forward_name(self.rerank)

    def is_spent(self, result: Result, asked: Collection[str] | None) -> bool:
        """Whether a finished search already has the results that these options ask for.

        Args:
            result: saved result.
            asked: names of the options that the user gave; None for all.
        """
        seeds = {entry.seeds for entry in result.monte_carlo}
        spent = {
            "verify": self.verify == result.verify,
            "rerank": self.rerank_name == (result.reranking and result.reranking.name),
            "finalists": self.finalists == len(result.monte_carlo),
            "finalist_seeds": seeds <= {self.finalist_seeds},
        }
        return all(is_so for name, is_so in spent.items() if asked is None or name in asked)

    @property
    def kept(self) -> int:
        """Number of best networks that a search must keep."""
        return max(FINALISTS, self.finalists, self.verify)


@dataclass(slots=True)
class Job:
    """One search that is ready to run.

    Attributes:
        config: options of the search.
        folder: folder of the run.
        resume: whether the run in the folder is continued.
        subproblems: planned subproblems.
        parts: prepared subproblems, those whose budgets some network meets.
        notes: notes for the user.
        verifier: device that measures the finalists; None without `verify`.
        objects: objects that replace what the options name.
        started: start time in seconds of the monotonic clock.
    """

    config: SearchConfig
    folder: Path
    resume: bool
    subproblems: list[Subproblem]
    parts: list[PreparedSearch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verifier: Verifier | None = None
    objects: SearchObjects | None = None
    started: float = field(default_factory=time.monotonic)

    def prepare(self, effort: Effort) -> None:
        """Prepare the subproblems, before anything is written.

        Raises:
            InfeasibleError: if no network meets the budgets.
        """
        if effort.rerank is not None:
            self._check_rerank(effort.rerank)
        if effort.verify:
            self.verifier = make_verifier(self.config, self.subproblems, effort.verify, effort.ray)
        self.parts, notes = _prepare(self.subproblems)
        self.notes += notes

    def _check_rerank(self, rerank: str | ForwardScore) -> None:
        """Raise `SpecError` unless the finalists can be ranked again."""
        if self.config.algorithm == EXACT:
            raise SpecError(
                "rerank: the exact solver keeps one network; use --algorithm evolution, which "
                "keeps finalists."
            )
        if len(self.subproblems[-1].limits) > 1:
            raise SpecError(
                "rerank: chooses among the finalists of one budget, and a range has several; give "
                "--budget such as 5ms."
            )
        forward_of(rerank, self.subproblems[-1].problem)

    def save_config(self) -> None:
        """Write the options into the folder."""
        stamp = fingerprint(self.subproblems, self.objects)
        save_config(self.config, stamp, self.folder / "config.yaml")

    def folder_of(self, part: PreparedSearch) -> Path:
        """The folder of a subproblem's files: a subfolder if there are several subproblems."""
        return self.folder if len(self.parts) == 1 else self.folder / part.subproblem.template.name

    def goes_on(self, part: PreparedSearch) -> bool:
        """Whether a subproblem has a saved state to continue from."""
        return self.resume and (self.folder_of(part) / "state.json").exists()


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
        elif resume and (config is None or not config.budgets):
            raise SpecError(f"{folder}: there is no run to resume; --budget starts one.")
        elif config is None:
            raise SpecError("budget: at least one is needed, such as --budget 3.8ms --device t4.")
        else:
            subproblems = plan(config, objects)
        check(config)
        saved = saved_result(folder, config, subproblems) if goes_on else None
        if saved is not None and effort.is_spent(saved, asked):
            warn_of(subproblem.problem.device for subproblem in subproblems)
            return saved
        job = Job(config, folder, goes_on, subproblems, objects=objects)
        with effort.opened() as executor:
            job.prepare(effort)
            if not goes_on:
                replace_run(folder)
                job.save_config()
            (result,) = results([job], executor, effort)
            tell_losses(executor)
    if isinstance(result, InfeasibleError):
        raise result
    return result


def tell_losses(executor: Executor) -> None:
    """Report how many batches ran again because a worker ended early."""
    if executor.losses:
        batches = count_of(executor.losses, "batch")
        ERR.print(f"{batches} had to run again elsewhere")


def check(config: SearchConfig) -> None:
    """Refuse options that contradict each other."""
    if config.algorithm == EXACT and config.max_effectiveness is not None:
        raise SpecError(
            "search: the exact solver cannot limit effectiveness, which is not a sum; use "
            "--algorithm evolution."
        )


def check_folder_options(resume: bool, exist_ok: bool) -> None:
    """Refuse two options that contradict each other."""
    if resume and exist_ok:
        raise SpecError("search: --resume continues the run, --exist-ok replaces it; give one.")


def results(
    jobs: list[Job], executor: Executor, effort: Effort
) -> Iterator[Result | InfeasibleError]:
    """The result of each search in order, written as soon as it is complete.

    The workers receive all their tasks at once: whole searches if there are several, bounds,
    baselines and random networks. The results do not depend on the number of workers.
    """
    parts = [(job, part) for job in jobs for part in job.parts]
    warn_of(part.subproblem.problem.device for _, part in parts)
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
        ERR.print("bounding the optimum, running the random baseline")
        references = [BoundsAndBaseline(next(certified), next(baselines)) for _ in job.parts]
        if job.config.algorithm != RandomSearch.name:  # keep the baseline's own result
            found = [
                better_of(outcome, against.certified, part.evaluator)
                for outcome, against, part in zip(found, references, job.parts, strict=True)
            ]
        missing = next((outcome for outcome in found if outcome.best[-1] is None), None)
        yield _nothing(missing) if missing else _result(job, found, references, executor, effort)


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
        ERR.print(f"{_name(part)}: {outcome.evaluations:,} candidates, {best}")
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


def _result(
    job: Job,
    outcomes: list[Outcome],
    references: list[BoundsAndBaseline],
    executor: Executor,
    effort: Effort,
) -> Result | InfeasibleError:
    """Measure and score the finalists and write all files; an error if none is within budget."""
    last, notes = job.parts[-1], job.notes
    networks = tuple(_networks(job.parts, outcomes, references))
    verified: list[Verified] = []
    provenance: dict[str, str | int | float] = {}
    if job.verifier is not None:
        ERR.print("measuring the finalists")
        try:
            verified, provenance = job.verifier(
                last.subproblem,
                _finalists(last, outcomes[-1]),
                lambda limit: _best_within(job.config, last, limit),
            )
        except InfeasibleError as error:
            return error
        networks = (*networks[:-1], _chosen(networks[-1], verified[0].backbone))
        if len(verified) > effort.verify:
            notes.append(
                "no finalist is within the budget as measured; the best network within a limit "
                "reduced by the measured ratio was chosen"
            )
    finalists = _finalists(last, outcomes[-1])[: effort.finalists]
    scores = score_finalists(
        last.subproblem.problem, finalists, effort.finalist_seeds, effort.rerank, executor
    )
    if scores.chosen is not None:
        networks = (*networks[:-1], _chosen(networks[-1], scores.chosen))
    notes += _caveats(job.config, networks)
    unused = unused_note(networks[-1])
    if unused is not None:
        notes.append(unused)
    result = Result(
        config=job.config,
        networks=networks,
        outcomes=tuple(outcomes),
        published=published_figures(last.subproblem),
        monte_carlo=scores.checks,
        forward_seconds=scores.seconds,
        seconds=time.monotonic() - job.started,
        folder=job.folder,
        notes=tuple(notes),
        verified=tuple(verified),
        measured_on=provenance,
        verify=effort.verify if job.verifier is not None else 0,
        reranking=scores.reranking,
    )
    for part, outcome, against in zip(job.parts, outcomes, references, strict=True):
        subfolder = job.folder_of(part)
        plot_curve(part.subproblem.problem, outcome, against, subfolder / "curve.png")
        plot_scatter(part, outcome, result, subfolder / "scatter.png")
    _write(result, [job.folder_of(part) for part in job.parts])
    return result


def _prepare(subproblems: list[Subproblem]) -> tuple[list[PreparedSearch], list[str]]:
    """The subproblems whose budgets some network meets, and notes on the others."""
    parts: list[PreparedSearch] = []
    notes: list[str] = []
    refused: InfeasibleError | None = None
    for subproblem in subproblems:
        try:
            part = prepare(subproblem)
        except InfeasibleError as error:
            refused = error
            notes.append(str(error))
            continue
        parts.append(part)
        note = skipped_note(part)
        if note is not None:
            notes.append(note)
    if not parts:
        assert refused is not None
        raise refused
    return parts, notes


def _caveats(config: SearchConfig, networks: tuple[Found, ...]) -> list[str]:
    """Notes on how to read the numbers of a result."""
    notes = []
    worst = min(found.share for found in networks)
    if config.algorithm == EXACT and worst < 1 - TARGET_GAP:
        notes.append(
            f"not proven optimal: the best may score up to {100 * (1 - worst):.2f} % more; "
            "evolution may find it"
        )
    if config.max_effectiveness is not None:
        notes.append("the certified optimum ignores the limit on effectiveness")
    if len({found.subproblem.template.name for found in networks}) > 1:
        notes.append(
            "scores compare only within one scale: each has its own limit on layers; "
            "--template keeps to one"
        )
    return notes


def _networks(
    parts: list[PreparedSearch], outcomes: list[Outcome], references: list[BoundsAndBaseline]
) -> Iterator[Found]:
    for part, outcome, against in zip(parts, outcomes, references, strict=True):
        problem = part.subproblem.problem
        for index, backbone in enumerate(outcome.best):
            if backbone is None:
                continue
            rival = against.random.best[index]
            yield Found(
                subproblem=part.subproblem,
                backbone=backbone,
                limit=part.subproblem.limits[index],
                cost=problem.cost(backbone),
                certified=against.certified[index],
                random_score=None if rival is None else problem.score(rival),
                by_solver=index in outcome.solved,
            )


def _finalists(part: PreparedSearch, outcome: Outcome) -> list[Backbone]:
    """The best networks under the last limit, best first."""
    return [part.subproblem.problem.space.decode(genome.tolist()) for genome in outcome.finalists]


def _best_within(config: SearchConfig, part: PreparedSearch, limit: float) -> Backbone | None:
    """The best network whose predicted cost is within a tighter limit; None if there is none."""
    settings = replace(settings_of(config, part, 1), limits=(limit,))
    problem = part.subproblem.problem
    try:
        (best,) = solve_exactly(part.options, settings).best
    except InfeasibleError:
        return None
    bound = problem.max_effectiveness
    if best is not None and bound is not None and effectiveness(best) > bound:
        return None
    return best


def _chosen(found: Found, backbone: Backbone) -> Found:
    """The entry with its network replaced by another finalist."""
    return replace(
        found,
        backbone=backbone,
        cost=found.subproblem.problem.cost(backbone),
        by_solver=found.by_solver and backbone == found.backbone,
    )


def _write(result: Result, folders: list[Path]) -> None:
    """Write the files of a result, `best.yaml` last: if it exists, the run is complete."""
    write_text(result.folder / "result.json", result.json_text())
    write_text(result.folder / "report.html", report_text(result, folders))
    if len(result.networks) > 1:
        pareto = result.folder / "pareto"
        pareto.mkdir(exist_ok=True)
        for stale in pareto.glob("*.yaml"):
            stale.unlink()
        for found in result.networks:
            _dump(result, found, pareto / f"{found.label}.yaml")
    _dump(result, result.best, result.folder / "best.yaml")


def _dump(result: Result, found: Found, path: Path) -> None:
    dump_backbone(found.backbone, path, result.receipt(found), result.metadata(found))
