"""`maenas search`: plan, search, prove, compare, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from blocks import Backbone, MaenasError, SpecError, dump_backbone
from blocks.strict import write_text
from budgets import Cost, InfeasibleError
from detector import template_names
from maenas.config import SearchConfig, differences, load_config, save_config
from maenas.console import ERR
from maenas.folders import last_run, next_run
from maenas.live import LiveLine
from maenas.plan import Segment, fingerprint, plan, published
from maenas.plots import plot_curve, plot_scatter
from maenas.report import report_text
from maenas.result import Found, MonteCarlo, Result, closed_forms, label
from maenas.tasks import Prepared, Reference, find, prepare, reference, skipped_note
from maenas.verify import Verified, make_verifier
from nas import TARGET_GAP, Outcome

RESULT_FILES = ("best.yaml", "result.json", "report.html", "curve.png", "scatter.png")
MONTE_CARLO_SEEDS = 4


def run_search(
    config: SearchConfig | None,
    out: Path | None,
    resume: bool = False,
    exist_ok: bool = False,
    workers: int = 1,
    finalists: int = 3,
    asked: Collection[str] | None = None,
    verify: int = 0,
) -> Result:
    """Search, and write everything a run leaves into its folder.

    Args:
        config: what to search; None to take it from the run that is resumed.
        out: the folder; None for the next free one under `runs/search`, or the last one used
            where a run is resumed.
        resume: continue the run in the folder.
        exist_ok: replace the run in the folder.
        workers: processes; one searches, the others prove and compare meanwhile.
        finalists: networks to score on random weights as well.
        asked: fields of `config` that a resumed run must agree with; None for all.
        verify: finalists to measure on the device at the end; the best by measurement wins.
    Raises:
        MaenasError: one line for whatever the user can mend.
    """
    if workers < 1 or finalists < 0 or verify < 0:
        raise SpecError(
            "search: workers must be at least 1, finalists and verify at least 0, got "
            f"{workers}, {finalists} and {verify}."
        )
    folder = out or (last_run("search") if resume else next_run("search"))
    if resume:
        config, segments = _resumed(config, asked, folder)
    elif config is None:
        raise SpecError("budget: at least one is needed, such as --budget 3.8ms --device t4.")
    else:
        segments = plan(config)
    if config.algorithm == "exact" and config.max_effectiveness is not None:
        raise SpecError(
            "search: the exact solver cannot bound effectiveness, which is no sum; use "
            "--algorithm evolution."
        )
    if resume and exist_ok:
        raise SpecError("search: --resume continues the run, --exist-ok replaces it; give one.")
    started = time.monotonic()
    verifier = make_verifier(config, segments, verify) if verify else None
    parts, notes = _prepare(segments)
    if not resume:
        _claim(folder, exist_ok)
        save_config(config, fingerprint(segments), folder / "config.yaml")
    with _references(config, parts, workers) as finished:
        outcomes = [
            _find(config, part, _folder_of(folder, part, parts), resume) for _, part in parts
        ]
        ERR.print("bounding the optimum, running the random baseline")
        references = finished()
    last = parts[-1][1]
    networks = tuple(_networks(parts, outcomes, references))
    verified: list[Verified] = []
    if verifier is not None:
        ERR.print("measuring the finalists")
        verified = verifier(last.segment, _finalists(last, outcomes[-1]))
        networks = (*networks[:-1], _chosen(networks[-1], verified[0].backbone))
        if not verified[0].within:
            notes.append("no finalist is within the budget as measured; the fastest was taken")
    notes += _caveats(config, networks)
    if finalists:
        ERR.print("scoring the finalists on random networks")
    result = Result(
        config=config,
        networks=networks,
        outcomes=tuple(outcomes),
        published=_published(last.segment),
        monte_carlo=tuple(_monte_carlo(last, outcomes[-1], finalists)),
        seconds=time.monotonic() - started,
        folder=folder,
        notes=tuple(notes),
        verified=tuple(verified),
    )
    for (_, part), outcome, against in zip(parts, outcomes, references, strict=True):
        place = _folder_of(folder, part, parts)
        plot_curve(outcome, against, place / "curve.png")
        plot_scatter(part, outcome, result, place / "scatter.png")
    _write(result, [_folder_of(folder, part, parts) for _, part in parts])
    return result


Part = tuple[int, Prepared]  # place among the planned segments, and what is ready to be searched


def _prepare(segments: list[Segment]) -> tuple[list[Part], list[str]]:
    """The segments whose budgets some network meets; of a family some may have none."""
    parts: list[Part] = []
    notes: list[str] = []
    refused: InfeasibleError | None = None
    for index, segment in enumerate(segments):
        try:
            part = prepare(segment)
        except InfeasibleError as error:
            refused = error
            notes.append(str(error))
            continue
        parts.append((index, part))
        note = skipped_note(part)
        if note is not None:
            notes.append(note)
    if not parts:
        assert refused is not None
        raise refused
    return parts, notes


def _find(config: SearchConfig, part: Prepared, folder: Path, resume: bool) -> Outcome:
    """The search of one segment, with its live line."""
    resume = resume and (folder / "state.json").exists()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SpecError(f"{folder}: cannot be created: {error.strerror or error}.") from None
    segment = part.segment
    name = f"{segment.problem.space.name}/{segment.template.name}"
    with LiveLine(name, segment.problem, config.evaluations) as line:
        outcome = find(config, part, folder, resume, line)
    if outcome.best[-1] is None:
        raise InfeasibleError(
            f"search: none of {outcome.unique:,} networks met all limits at once (budgets, layers, "
            "effectiveness), though each budget can be met alone; raise one, or --evaluations."
        )
    return outcome


@contextmanager
def _references(
    config: SearchConfig, parts: list[Part], workers: int
) -> Iterator[Callable[[], list[Reference]]]:
    """Bounds and baselines, begun at once where there are other processes to compute them."""
    if workers == 1:
        yield lambda: [reference(config, part) for _, part in parts]
        return
    pool = ProcessPoolExecutor(min(workers - 1, len(parts)), mp_context=get_context("spawn"))
    try:
        futures = [pool.submit(planned_reference, config, index) for index, _ in parts]
        yield lambda: [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def planned_reference(config: SearchConfig, index: int) -> Reference:
    """`reference` from the options alone: what another process can be sent."""
    return reference(config, prepare(plan(config)[index]))


def _caveats(config: SearchConfig, networks: tuple[Found, ...]) -> list[str]:
    """What the numbers of a result do not say by themselves."""
    notes = []
    worst = min(found.share for found in networks)
    if config.algorithm == "exact" and worst < 1 - TARGET_GAP:
        notes.append(
            f"not proven optimal: the best may score up to {100 * (1 - worst):.2f} % more; "
            "evolution may find it"
        )
    if config.max_effectiveness is not None:
        notes.append("the certified optimum leaves the bound on effectiveness out of account")
    if len({found.segment.template.name for found in networks}) > 1:
        notes.append(
            "scores compare only within one scale: each has its own limit on layers; "
            "--template keeps to one"
        )
    return notes


def _networks(
    parts: list[Part], outcomes: list[Outcome], references: list[Reference]
) -> Iterator[Found]:
    for (_, part), outcome, against in zip(parts, outcomes, references, strict=True):
        problem = part.segment.problem
        for place, backbone in enumerate(outcome.best):
            if backbone is None:
                continue
            rival = against.random.best[place]
            yield Found(
                segment=part.segment,
                backbone=backbone,
                limit=part.segment.limits[place],
                cost=problem.cost(backbone),
                certified=against.certified[place],
                random_score=None if rival is None else problem.score(rival),
            )


def _finalists(part: Prepared, outcome: Outcome) -> list[Backbone]:
    """The best networks under the last limit, best first."""
    return [part.segment.problem.space.decode(genome.tolist()) for genome in outcome.finalists]


def _chosen(found: Found, backbone: Backbone) -> Found:
    """The network found, another finalist in its place."""
    return replace(found, backbone=backbone, cost=found.segment.problem.cost(backbone))


def _published(segment: Segment) -> tuple[float, Cost] | None:
    backbone = published(segment)
    if backbone is None or 1 + max(backbone.levels) != len(segment.problem.weights):
        return None
    return segment.problem.score(backbone), segment.problem.cost(backbone)


def _monte_carlo(part: Prepared, outcome: Outcome, count: int) -> Iterator[MonteCarlo]:
    """The finalists on random networks: the score's own definition, as a check."""
    if count == 0 or len(outcome.finalists) == 0:
        return
    from nas.max_entropy_forward import max_entropy_forward

    problem = part.segment.problem
    for rank, genome in enumerate(outcome.finalists[:count], start=1):
        backbone = problem.space.decode(genome.tolist())
        score, expected = closed_forms(part.segment, backbone)
        drawn = max_entropy_forward(backbone, problem.weights, range(MONTE_CARLO_SEEDS))
        yield MonteCarlo(rank, score, expected, drawn.mean, drawn.standard_error, MONTE_CARLO_SEEDS)


def _write(result: Result, places: list[Path]) -> None:
    """Specs last: whoever finds `best.yaml` finds the rest as well."""
    write_text(result.folder / "result.json", result.json_text())
    write_text(result.folder / "report.html", report_text(result, places))
    if len(result.networks) > 1:
        pareto = result.folder / "pareto"
        pareto.mkdir(exist_ok=True)
        for stale in pareto.glob("*.yaml"):
            stale.unlink()
        for found in result.networks:
            dump_backbone(found.backbone, pareto / f"{label(found)}.yaml", result.receipt(found))
    best = result.best
    dump_backbone(best.backbone, result.folder / "best.yaml", result.receipt(best))


# Folders.


def _folder_of(folder: Path, part: Prepared, parts: list[Part]) -> Path:
    """Where a segment keeps its files: a folder of its own if there are several."""
    return folder if len(parts) == 1 else folder / part.segment.template.name


def _claim(folder: Path, exist_ok: bool) -> None:
    """Make the folder ours, without losing a result that is there."""
    try:
        if folder.is_dir() and any(folder.iterdir()):
            if not exist_ok:
                raise MaenasError(
                    f"{folder}: is not empty; --resume continues the run in it, --exist-ok "
                    "replaces it, --out names another folder."
                )
            if not _is_run(folder):
                raise MaenasError(
                    f"{folder}: is not the folder of a search, so nothing in it is replaced; "
                    "--out names another folder."
                )
            _clear(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaenasError(f"{folder}: cannot be created: {error.strerror or error}.") from None


def _is_run(folder: Path) -> bool:
    config = folder / "config.yaml"
    return config.is_file() and b"maenas/search@" in config.read_bytes()


def _clear(folder: Path) -> None:
    """Take an old run out: nothing of it may pass for the new one's."""
    segments = [folder / name for name in template_names()]
    names = (*RESULT_FILES, "state.json", "history.jsonl")
    old = [place / name for place in (folder, *segments) for name in names]
    for path in (*old, *(folder / "pareto").glob("*.yaml")):
        path.unlink(missing_ok=True)
    for place in (*segments, folder / "pareto"):
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()


def _resumed(
    config: SearchConfig | None, asked: Collection[str] | None, folder: Path
) -> tuple[SearchConfig, list[Segment]]:
    """The options of the run in a folder, which must be those asked for, if any are."""
    path = folder / "config.yaml"
    if not path.exists():
        raise MaenasError(f"{folder}: there is no run to resume; leave --resume out to start one.")
    saved, stamp = load_config(path)
    different = [] if config is None else differences(config, saved, asked)
    if different:
        raise MaenasError(f"{path}: another search: {'; '.join(different)}.")
    segments = plan(saved)
    if fingerprint(segments) != stamp:
        raise MaenasError(
            f"{path}: the space, template or device model has changed since the run was started; "
            "start it anew with --exist-ok."
        )
    return saved, segments
