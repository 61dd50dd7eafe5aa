"""`maenas search --verify`: the finalists on the real device, ranked by what they really take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from maenas.backbone_search.plan import Segment
from maenas.blocks import Backbone, SpecError
from maenas.budgets import InfeasibleError
from maenas.detector.model.spec import assemble
from maenas.latency.graphs import backbone_graph, graph_of
from maenas.runs.config import SearchConfig

MOST_ROUNDS = 5  # networks measured after the finalists
CLOSER = 0.98  # of the shortest prediction so far, in each round

if TYPE_CHECKING:
    from maenas.budgets.backends import Backend, Session


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
        self,
        segment: Segment,
        finalists: Sequence[Backbone],
        within: Callable[[float], Backbone | None] = lambda limit: None,
    ) -> tuple[list[Verified], dict[str, str | int | float]]:
        """Measure finalists, best score first; those within the budget come first.

        Where none of them is within the budget, the limit is shrunk by the ratio of measured to
        predicted times, and the best network within it is measured, a few times.

        Args:
            segment: the search.
            finalists: best score first.
            within: the best network whose predicted latency is within a limit; None if there is
                none.
        Returns:
            The networks measured, and the device's provenance.
        Raises:
            InfeasibleError: if no network is within the budget as measured.
            BackendError: if the device fails.
        """
        backend = self.opened()
        try:
            found = self._measured(backend, segment, finalists, within)
            return found, dict(backend.provenance())
        finally:
            backend.close()

    def _measured(
        self,
        backend: Backend,
        segment: Segment,
        finalists: Sequence[Backbone],
        within: Callable[[float], Backbone | None],
    ) -> list[Verified]:
        from maenas.budgets.graph.operator_graph import reference_graph

        reference = backend.compile(reference_graph())
        limit = segment.limits[-1]
        found = [
            self._one(backend, reference, segment, backbone, rank)
            for rank, backbone in enumerate(finalists[: self.count], start=1)
        ]
        for _ in range(MOST_ROUNDS):
            if any(one.within for one in found):
                return sorted(found, key=_rank)
            ratio = median(one.measured_ms / one.predicted_ms for one in found)
            # Each round aims below all that was measured too slow before.
            shrunk = min(limit / ratio, CLOSER * min(one.predicted_ms for one in found))
            backbone = within(shrunk)
            if backbone is None:
                break
            found.append(self._one(backend, reference, segment, backbone, len(found) + 1))
        if any(one.within for one in found):
            return sorted(found, key=_rank)
        fastest = min(one.measured_ms for one in found)
        raise InfeasibleError(
            f"search: none of {len(found)} networks measured is within {limit:.3f} ms: the fastest "
            f"took {fastest:.3f} ms; raise the budget, or measure the device's table again."
        )

    def _one(
        self,
        backend: Backend,
        reference: Session,
        segment: Segment,
        backbone: Backbone,
        rank: int,
    ) -> Verified:
        """Measure one network."""
        from maenas.budgets.profiling.profile import Item, measure_calmly
        from maenas.latency.measure import timing_of

        problem = segment.problem
        if problem.rest is None:
            graph = backbone_graph(backbone)
        else:
            graph = graph_of(assemble(backbone, segment.template))
        item = Item(f"finalist {rank}", "held-out", lambda: graph)
        measured = measure_calmly(backend, item, reference)
        timing = timing_of(measured, self.reference_ms)
        ms = timing.p50 * (timing.speed or 1.0)
        price = problem.cost(backbone).latency_ms
        fits = ms <= segment.limits[-1]
        return Verified(
            rank, backbone, problem.score(backbone), price, ms, fits, measured.sample.warnings
        )


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
