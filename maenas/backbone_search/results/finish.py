"""The end of a search: measure and score the finalists, draw and write everything."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from maenas.backbone_search.binding import unused_note
from maenas.backbone_search.effort import Effort
from maenas.backbone_search.finalists import (
    score_finalists,
)
from maenas.backbone_search.job import Job
from maenas.backbone_search.report.page import report_text
from maenas.backbone_search.report.part import SearchPart
from maenas.backbone_search.results.bounds import raised_line
from maenas.backbone_search.results.devices_plot import DEVICES_PLOT, plot_devices
from maenas.backbone_search.results.figures import published_figures
from maenas.backbone_search.results.lines import disturbed_note
from maenas.backbone_search.results.plots import plot_curve, plot_scatter
from maenas.backbone_search.results.receipt import metadata, receipt
from maenas.backbone_search.results.result import Found, Result
from maenas.backbone_search.tasks import (
    BoundsAndBaseline,
    PreparedSearch,
)
from maenas.backbone_search.verify import Verified
from maenas.blocks import Backbone, dump_backbone
from maenas.blocks.files.atomic_write import write_text
from maenas.budgets import InfeasibleError
from maenas.nas import (
    EXACT,
    TARGET_GAP,
    Certified,
    Outcome,
    certify,
)
from maenas.nas.executors import Executor
from maenas.nas.problem import TOLERANCE
from maenas.runs.config import SearchConfig
from maenas.runs.named_files import kept_in

LOG = logging.getLogger(__name__)

TIGHTER = (
    "no finalist is within the budget as measured; the best network within a limit reduced by the "
    "measured ratio was chosen"
)


def finished_result(
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
        LOG.info("measuring the finalists")
        solved = SolvedWithin(last)
        try:
            verified, provenance = job.verifier(
                last.subproblem, _finalists(last, outcomes[-1]), solved.best
            )
        except InfeasibleError as error:
            return error
        networks = (*networks[:-1], _chosen(networks[-1], verified[0].backbone, solved))
        unmeasured = [
            device.name
            for device in last.subproblem.problem.devices
            if device.axis in networks[-1].limits and device.axis not in job.verifier.meters
        ]
        if unmeasured:
            notes.append(f"not measured on {', '.join(unmeasured)}: the prediction holds there")
        if disturbed := disturbed_note(verified[0]):
            notes.append(disturbed)
        if raised := raised_line(networks[-1], verified):
            notes.append(raised)
        elif verified[0].rank > effort.verify:
            notes.append(TIGHTER)
    finalists = _finalists(last, outcomes[-1])[: effort.finalists]
    scores = score_finalists(
        last.subproblem.problem, finalists, effort.finalist_seeds, effort.rerank, executor
    )
    if scores.chosen is not None:
        networks = (*networks[:-1], _chosen(networks[-1], scores.chosen))
    notes += _caveats(job.config, networks)
    unused = unused_note(networks[-1], () if scores.chosen else verified)
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
        verify_with=effort.verify_with,
        reranking=scores.reranking,
    )
    parts = [
        SearchPart.of(part, outcome, against, len(job.parts))
        for part, outcome, against in zip(job.parts, outcomes, references, strict=True)
    ]
    for part in parts:
        subfolder, problem = job.folder_of(part.prepared), part.prepared.subproblem.problem
        plot_curve(problem, part.outcome, part.reference, subfolder / "curve.png")
        plot_scatter(part.prepared, part.outcome, result, part.front, subfolder / "scatter.png")
        if problem.further:
            plot_devices(part.prepared, part.outcome, result, subfolder / DEVICES_PLOT)
    _write(result, parts)
    return result


def _caveats(config: SearchConfig, networks: tuple[Found, ...]) -> list[str]:
    """Notes on how to read the numbers of a result."""
    notes = []
    worst = min(found.share for found in networks)
    if config.algorithm == EXACT and worst < 1 - TARGET_GAP:
        notes.append(
            f"not proven optimal: the best may score up to {100 * (1 - worst):.2f} % more; "
            "evolution may find it"
        )
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


@dataclass(frozen=True, slots=True)
class SolvedWithin:
    """The best networks within other limits, with their certificates.

    Attributes:
        part: search whose space they are from.
        proofs: networks that were asked for, each with the certificate of its limits and these.
    """

    part: PreparedSearch
    proofs: list[tuple[Backbone, Certified, dict[str, float]]] = field(default_factory=list)

    def best(self, limits: Mapping[str, float]) -> Backbone | None:
        """The best network whose predicted costs are within limits by axis; None without one."""
        problem = self.part.subproblem.problem
        limit = limits.get(problem.ranged.axis, self.part.subproblem.limits[-1])
        try:
            (proof,) = certify(self.part.options.under(limits), (limit,), target_gap=TARGET_GAP)
        except InfeasibleError:
            return None
        if proof.genome is None:
            return None
        best = problem.space.decode(proof.genome.tolist())
        self.proofs.append((best, proof, {**limits}))
        return best

    def proof(self, backbone: Backbone) -> Certified | None:
        """The certificate of a network that was found here."""
        return next((proof for known, proof, _ in self.proofs if known == backbone), None)

    def limits(self, backbone: Backbone) -> dict[str, float]:
        """The limits by axis that a network was found within; {} if it was not found here."""
        return next((limits for known, _, limits in self.proofs if known == backbone), {})


def _chosen(found: Found, backbone: Backbone, solved: SolvedWithin | None = None) -> Found:
    """The entry with its network replaced by another finalist, or by one of other limits."""
    chosen = replace(found, backbone=backbone, cost=found.subproblem.problem.cost(backbone))
    proof = None if solved is None else solved.proof(backbone)
    if backbone != found.backbone:
        chosen = replace(chosen, by_solver=proof is not None)
    budgets = found.limits
    is_beyond = any(chosen.spent(axis) > most * (1 + TOLERANCE) for axis, most in budgets.items())
    if solved is None or proof is None or not is_beyond:
        return chosen
    limits = solved.limits(backbone)
    changed = {axis: limit for axis, limit in limits.items() if limit != budgets[axis]}
    return replace(chosen, certified=proof, raised=changed)


def _write(result: Result, parts: list[SearchPart]) -> None:
    """Write the files of a result, `best.yaml` last: if it exists, the run is complete."""
    write_text(result.folder / "result.json", result.json_text())
    write_text(result.folder / "report.html", report_text(result, parts))
    if len(result.networks) > 1:
        pareto = result.folder / "pareto"
        pareto.mkdir(exist_ok=True)
        for stale in pareto.glob("*.yaml"):
            stale.unlink()
        for found in result.networks:
            _dump(result, found, pareto / f"{found.label}.yaml")
    _dump(result, result.best, result.folder / "best.yaml")


def _dump(result: Result, found: Found, path: Path) -> None:
    known = kept_in(metadata(result, found), path)
    dump_backbone(found.backbone, path, receipt(result, found), known)
