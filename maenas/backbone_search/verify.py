"""`maenas search --verify`: finalists measured on the device and ranked by measured latency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from maenas.backbone_search.plan import Subproblem
from maenas.blocks import Backbone, SpecError
from maenas.budgets import InfeasibleError
from maenas.detector.model.spec import assemble
from maenas.latency.graphs import backbone_graph, graph_of
from maenas.runs.config import SearchConfig

MOST_ROUNDS = 5  # most networks measured after the finalists
CLOSER = 0.98  # limit of a round, relative to the shortest prediction so far

if TYPE_CHECKING:
    from maenas.budgets.backends import Backend, Session


@dataclass(frozen=True, slots=True)
class Verified:
    """One finalist as measured on the device.

    Attributes:
        rank: rank by score, from 1.
        backbone: backbone of the finalist.
        score: score that was maximised.
        predicted_ms: latency in milliseconds by the device's latency model.
        measured_ms: median latency in milliseconds, scaled to the speed that the device had when
            its table was measured, if there is a table.
        within: whether the measured latency is within the budget.
        warnings: disturbances of the measurement.
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
        """Error of the prediction relative to the measurement."""
        return self.predicted_ms / self.measured_ms - 1


@dataclass(frozen=True, slots=True)
class Verifier:
    """The device that finalists will be measured on.

    Attributes:
        opened: function that opens the device, called late: a device of a cluster is reserved
            from then on.
        reference_ms: milliseconds of the reference graph when the device's table was measured;
            None without a table.
        count: number of finalists to measure.
    """

    opened: Callable[[], Backend]
    reference_ms: float | None
    count: int

    def __call__(
        self,
        subproblem: Subproblem,
        finalists: Sequence[Backbone],
        within: Callable[[float], Backbone | None] = lambda limit: None,
    ) -> tuple[list[Verified], dict[str, str | int | float]]:
        """Measure finalists, best score first; those within the budget come first.

        If none of them is within the budget, the limit is divided by the ratio of measured to
        predicted latency and the best network within the new limit is measured. This repeats at
        most `MOST_ROUNDS` times.

        Args:
            subproblem: subproblem of the search.
            finalists: networks to measure, best score first.
            within: function that returns the best network whose predicted latency is within a
                limit; None if there is none.
        Returns:
            The measured networks and the provenance of the device.
        Raises:
            InfeasibleError: if no network is within the budget as measured.
            BackendError: if the device fails.
        """
        backend = self.opened()
        try:
            found = self._measured(backend, subproblem, finalists, within)
            return found, dict(backend.provenance())
        finally:
            backend.close()

    def _measured(
        self,
        backend: Backend,
        subproblem: Subproblem,
        finalists: Sequence[Backbone],
        within: Callable[[float], Backbone | None],
    ) -> list[Verified]:
        from maenas.budgets.graph.operator_graph import reference_graph

        reference = backend.compile(reference_graph())
        limit = subproblem.limits[-1]
        found = [
            self._one(backend, reference, subproblem, backbone, rank)
            for rank, backbone in enumerate(finalists[: self.count], start=1)
        ]
        for _ in range(MOST_ROUNDS):
            if any(one.within for one in found):
                return sorted(found, key=_rank)
            ratio = median(one.measured_ms / one.predicted_ms for one in found)
            # Each limit is below the prediction of every network that was measured too slow.
            shrunk = min(limit / ratio, CLOSER * min(one.predicted_ms for one in found))
            backbone = within(shrunk)
            if backbone is None:
                break
            found.append(self._one(backend, reference, subproblem, backbone, len(found) + 1))
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
        subproblem: Subproblem,
        backbone: Backbone,
        rank: int,
    ) -> Verified:
        """Measure one network."""
        from maenas.budgets.profiling.profile import Item, measure_calmly
        from maenas.latency.measure import timing_of

        problem = subproblem.problem
        if problem.rest is None:
            graph = backbone_graph(backbone)
        else:
            graph = graph_of(assemble(backbone, subproblem.template))
        item = Item(f"finalist {rank}", "held-out", lambda: graph)
        measured = measure_calmly(backend, item, reference)
        timing = timing_of(measured, self.reference_ms)
        ms = timing.p50 * (timing.speed or 1.0)
        price = problem.cost(backbone).latency_ms
        fits = ms <= subproblem.limits[-1]
        return Verified(
            rank, backbone, problem.score(backbone), price, ms, fits, measured.sample.warnings
        )


def make_verifier(
    config: SearchConfig, subproblems: Sequence[Subproblem], count: int, ray: str | None = None
) -> Verifier:
    """The verifier of a search, made before it starts so that a missing device fails early.

    Args:
        ray: address of the cluster that has the device; None for a device of this machine.
    Raises:
        SpecError: if there is nothing to verify.
        BackendError: if the device is not there.
    """
    from maenas.budgets.backends import open_backend
    from maenas.latency.measure import find_target

    ranged = subproblems[-1].problem.ranged
    if config.device is None or ranged.quantity != "latency_ms" or len(subproblems[-1].limits) > 1:
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
    """Sort key: networks within the budget by score, then the others by latency."""
    if verified.within:
        return False, -verified.score
    return True, verified.measured_ms
