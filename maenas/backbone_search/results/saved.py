"""The result of a finished search, read back from its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np

from maenas.backbone_search.finalists import MonteCarlo, Reranking
from maenas.backbone_search.plan import Subproblem
from maenas.backbone_search.results.figures import published_figures
from maenas.backbone_search.results.result import Found, Result, label
from maenas.backbone_search.verify import Measurement, Verified
from maenas.blocks import MaenasError, load_backbone
from maenas.blocks.files.json_file import read_json
from maenas.nas import Certified, Outcome
from maenas.runs.config import SearchConfig


def saved_result(
    folder: Path, config: SearchConfig, subproblems: Sequence[Subproblem]
) -> Result | None:
    """The result of a search; None if the run is not finished or its files contradict each other.

    Args:
        folder: folder of the run.
        config: options of the run.
        subproblems: subproblems planned from the options.
    """
    if not (folder / "best.yaml").is_file():  # written last
        return None
    try:
        data = read_json(folder / "result.json")
        networks = _networks(folder, data, subproblems)
        return Result(
            config=config,
            networks=networks,
            outcomes=(_outcome(data),),
            published=published_figures(networks[-1].subproblem),
            monte_carlo=tuple(MonteCarlo(**entry) for entry in data["monte_carlo"]),
            seconds=data["seconds"],
            forward_seconds=data["forward_seconds"],
            folder=folder,
            notes=tuple(data["notes"]),
            verified=tuple(_verified(entry, networks[-1]) for entry in data["verified"]),
            measured_on=data["measured_on"],
            verify=data["verify"],
            verify_with=tuple(data.get("verify_with", ())),
            reranking=_reranking(data.get("rerank")),
        )
    except (MaenasError, KeyError, TypeError, ValueError, IndexError):
        return None  # a damaged result is computed again


def _networks(
    folder: Path, data: Mapping[str, Any], subproblems: Sequence[Subproblem]
) -> tuple[Found, ...]:
    by_template = {subproblem.template.name: subproblem for subproblem in subproblems}
    entries = data.get("family", [data])
    found = []
    for index, entry in enumerate(entries):
        subproblem = by_template[entry["template"]]
        limit = entry["budget"][subproblem.problem.ranged.axis]
        last = index == len(entries) - 1
        path = (
            folder / "best.yaml" if last else folder / "pareto" / f"{label(subproblem, limit)}.yaml"
        )
        backbone = load_backbone(path)
        network = Found(
            subproblem=subproblem,
            backbone=backbone,
            limit=limit,
            cost=subproblem.problem.cost(backbone),
            certified=Certified(limit, entry["optimum_at_most"], entry["optimum_at_least"], None),
            random_score=entry["random_score"],
            by_solver=entry["found_by_exact_solver"],
            raised=entry.get("optimum_within", {}),
        )
        if not isclose(network.score, entry["score"], rel_tol=1e-9):
            raise ValueError(f"{path}: is not the network that was found")
        found.append(network)
    return tuple(found)


def _outcome(data: Mapping[str, Any]) -> Outcome:
    """The evaluation counts over all subproblems; the candidates themselves are in the history."""
    none = np.empty(0)
    return Outcome(
        best=(),
        finalists=np.empty((0, 0), dtype=np.int16),
        evaluations=data["evaluations"],
        unique=data["unique_evaluations"],
        accepted=data["accepted"],
        curve=(),
        prices=none,
        scores=none,
        feasible=np.empty(0, dtype=bool),
    )


def _reranking(data: dict[str, Any] | None) -> Reranking | None:
    return None if data is None else Reranking.from_json(data)


def _verified(entry: Mapping[str, Any], best: Found) -> Verified:
    """A measured finalist; only the network of the chosen one is saved, in `best.yaml`."""
    device = best.subproblem.problem.devices[0].name
    names = ("predicted_ms", "measured_ms", "within", "warnings")
    each = entry.get("latencies", [{"device": device, **{name: entry[name] for name in names}}])
    return Verified(
        rank=entry["rank"],
        backbone=best.backbone,
        score=entry["score"],
        measurements=tuple(
            Measurement(**{**one, "warnings": tuple(one["warnings"])}) for one in each
        ),
    )
