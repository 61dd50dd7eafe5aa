"""`maenas search --verify`: the finalists on the real device, ranked by what they really take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maenas.backbone_search.plan import Segment
from maenas.blocks import Backbone, SpecError
from maenas.detector.model.spec import assemble
from maenas.latency.graphs import backbone_graph, graph_of
from maenas.runs.config import SearchConfig

if TYPE_CHECKING:
    from maenas.budgets.backends import Backend


@dataclass(frozen=True, slots=True)
class Verified:
    """One finalist, measured.

    Attributes:
        rank: by score, from 1.
        backbone: of the finalist.
        score: that was maximised.
        predicted_ms: by the device's prices.
        measured_ms: the median, at the speed the device had when its prices were measured.
        within: whether that is within the budget.
        warnings: what spoils the measurement.
    """

    rank: int
    backbone: Backbone
    score: float
    predicted_ms: float
    measured_ms: float
    within: bool
    warnings: tuple[str, ...]

    @property
    def error(self) -> float:
        """Of the prediction, relative to the measurement."""
        return self.predicted_ms / self.measured_ms - 1


@dataclass(frozen=True, slots=True)
class Verifier:
    """The device that finalists will be measured on.

    Attributes:
        opened: opens the device; of a cluster it is ours from then on, so that comes at the end.
        reference_ms: of the reference graph when the device's prices were measured, None without
            a table.
        count: finalists to measure.
    """

    opened: Callable[[], Backend]
    reference_ms: float | None
    count: int

    def __call__(
        self, segment: Segment, finalists: Sequence[Backbone]
    ) -> tuple[list[Verified], dict[str, str | int | float]]:
        """Measure finalists, best score first; those within the budget come first.

        Returns:
            The finalists measured, and the device's provenance.
        Raises:
            BackendError: if the device fails.
        """
        backend = self.opened()
        try:
            return self._measured(backend, segment, finalists), dict(backend.provenance())
        finally:
            backend.close()

    def _measured(
        self, backend: Backend, segment: Segment, finalists: Sequence[Backbone]
    ) -> list[Verified]:
        from maenas.budgets.graph.operator_graph import reference_graph
        from maenas.budgets.profiling.profile import Item, measure_calmly
        from maenas.latency.measure import timing_of

        reference = backend.compile(reference_graph())
        problem = segment.problem
        limit = segment.limits[-1]
        found = []
        for rank, backbone in enumerate(finalists[: self.count], start=1):
            if problem.rest is None:
                graph = backbone_graph(backbone)
            else:
                graph = graph_of(assemble(backbone, segment.template))
            item = Item(f"finalist {rank}", "held-out", lambda made=graph: made)  # type: ignore[misc]
            measured = measure_calmly(backend, item, reference)
            timing = timing_of(measured, self.reference_ms)
            ms = timing.p50 * (timing.speed or 1.0)
            price = problem.cost(backbone).latency_ms
            score = problem.score(backbone)
            warnings = measured.sample.warnings
            found.append(Verified(rank, backbone, score, price, ms, ms <= limit, warnings))
        return sorted(found, key=_rank)


def make_verifier(
    config: SearchConfig, segments: Sequence[Segment], count: int, ray: str | None = None
) -> Verifier:
    """The device a search is to be verified on, tried before the search starts.

    Args:
        ray: address of the cluster that has the device; None for a device of this machine.
    Raises:
        SpecError: if there is nothing to verify.
        BackendError: if the device is not there.
    """
    from maenas.budgets.backends import open_backend
    from maenas.latency.measure import find_target

    ranged = segments[-1].problem.ranged
    if config.device is None or ranged.quantity != "latency_ms" or len(segments[-1].limits) > 1:
        raise SpecError(
            "verify: finalists are measured against one latency budget; give --budget such as 5ms "
            "and --device."
        )
    target, _, reference_ms = find_target(config.device, None, None)
    if ray is None:
        backend = open_backend(target)
        return Verifier(lambda: backend, reference_ms, count)
    from maenas.budgets.backends.remote_device import RayBackend, require_owner

    require_owner(ray, target)
    return Verifier(
        lambda: RayBackend(target.device, target.precision, target.threads, ray),
        reference_ms,
        count,
    )


def _rank(verified: Verified) -> tuple[bool, float]:
    """Within the budget by score, then those beyond by time."""
    if verified.within:
        return False, -verified.score
    return True, verified.measured_ms
