"""Python API: look at backbones, published models, latency tables and this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.backbone_search.scoring import ScoreResult
    from maenas.backbone_search.stages import ShowResult
    from maenas.detection.zoo import ZooResult
    from maenas.latency.table_view import TableView
    from maenas.latency.tables import TablesResult
    from maenas.nas import Score
    from maenas.terminal.checks import ChecksResult


def show(
    model: str | Path,
    device: str | None = None,
    *,
    template: str | None = None,
    score: str | Score | None = None,
    weights: Sequence[float] | None = None,
) -> ShowResult:
    """A backbone stage by stage: shapes, params, MACs, shares of latency and of the score.

    Args:
        model: a spec, a run or detector folder, or `zoo:NAME`.
        device: device that latency is predicted for; if None that of the run, else t4.
        template: scale of neck and head to show with it, "none" for the backbone alone; that of
            the model if None.
        score: a `Score`, its name, or a score file; that of the run if None, else max-entropy.
        weights: weights of the score, one per resolution level; those of the run if None.
    Raises:
        MaenasError: if the model, device, template or score does not exist.

    Example:
        >>> shown = maenas.show("zoo:damo-yolo-s")
        >>> [(row.type, row.depth) for row in shown.stages]
    """
    from maenas.backbone_search.stages import stages_of
    from maenas.budgets import device_of
    from maenas.detector import load_template
    from maenas.runs.models import find_model

    found = find_model(str(model))
    target = device_of(device, found.device)
    chosen = found.template
    if template is not None:
        chosen = None
        if template != "none":
            chosen = load_template(template).with_classes(found.num_classes)
    return stages_of(found, target, chosen, found.score(score, _tuple(weights)))


def score(
    model: str | Path,
    score: str | Score | None = None,
    *,
    weights: Sequence[float] | None = None,
    seeds: int = 0,
    workers: int = 1,
    ray: str | None = None,
) -> ScoreResult:
    """The score of a backbone: in closed form, with zero padding, on random networks.

    Args:
        model: a spec, a run or detector folder, or `zoo:NAME`.
        score: a `Score`, its name, or a score file; that of the run if None, else max-entropy.
        weights: weights of the score, one per resolution level; those of the run if None.
        seeds: number of random networks to score as well.
        workers: number of processes for the random networks.
        ray: address of a Ray cluster for the random networks; None for this machine.
    Raises:
        MaenasError: if the model or score does not exist, or the weights do not fit its levels.

    Example:
        >>> round(maenas.score("zoo:damo-yolo-s").value, 3)
        588.113
    """
    from maenas.backbone_search.scoring import score_model
    from maenas.runs.models import find_model

    found = find_model(str(model))
    return score_model(found, found.score(score, _tuple(weights)), seeds, workers, ray)


def zoo() -> ZooResult:
    """The published models, with the figures of their authors and those computed here.

    Example:
        >>> [model.name for model in maenas.zoo().models]
    """
    from maenas.detection.zoo import published_models

    return published_models()


def tables() -> TablesResult:
    """The latency tables of this user and the bundled estimates, with their held-out errors.

    Example:
        >>> [(table.device, table.kind) for table in maenas.tables().tables]
        [('intel-8163', 'estimated'), ('t4', 'estimated')]
    """
    from maenas.latency.tables import known_tables

    return known_tables()


def table(device: str) -> TableView:
    """One latency table or estimate in detail: protocol, errors by family, kernels, price curves.

    Args:
        device: name of a table or an estimate, or its file.
    Raises:
        MaenasError: if there is no such table, or it cannot be read.

    Example:
        >>> [family.family for family in maenas.table("t4").families]
        ['YOLOX', 'YOLOv5', 'YOLOv6', 'YOLOv7', 'YOLOE']
    """
    from maenas.latency.table_view import view_table

    return view_table(device)


def checks(ray: str | None = None) -> ChecksResult:
    """What works on this machine and on a cluster, and what is missing.

    Args:
        ray: address of a Ray cluster whose nodes are asked; None for this machine alone.
    Raises:
        ClusterError: if there is no cluster at this address.

    Example:
        >>> [runtime.backend for runtime in maenas.checks().runtimes if not runtime.why_not]
    """
    from maenas.terminal.checks import run_checks

    return run_checks(ray)


def _tuple(weights: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if weights is None else tuple(weights)
