"""Profile of a device: time single operators, networks to fit and held-out networks."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf

import numpy as np
import onnx

from maenas.blocks.errors import MaenasError
from maenas.blocks.op import Op
from maenas.budgets.backends.backend import Backend, BackendError, LayerTime, Session
from maenas.budgets.graph.layer import Layer
from maenas.budgets.graph.layers import graph_layers
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.budgets.pricing.disturbance import Role
from maenas.budgets.pricing.op_rows import priced
from maenas.budgets.pricing.table import LatencyTable
from maenas.budgets.pricing.table_sample import LayerSample, TableSample
from maenas.budgets.profiling.partial_profile import Measured, PartialProfile
from maenas.budgets.profiling.sampling import Samples, sample, spread

MIN_FITTED, MIN_HELD_OUT = 9, 6  # minimum numbers of networks for a table
# Maximum sampling time of one graph, in seconds; a single operator matters little.
SECONDS: dict[Role, float] = {"fit": 6.0, "held-out": 6.0, "module": 2.0, "operator": 0.5}
LEAST = 2 * (MIN_FITTED + MIN_HELD_OUT)  # one network takes at most 1 / LEAST of the total time
MAX_ATTEMPTS = 3  # measurements of a network while its samples are disturbed
MAX_FAILURES = 3  # consecutive failures that show a fault of the device, not of a graph
SAME = ("runtime", "device", "system")  # provenance keys that identify the machine


@dataclass(frozen=True, slots=True)
class Item:
    """A graph to measure; it is built only when its turn comes.

    Attributes:
        name: name of the graph, unique in a profile.
        role: purpose of the measurement.
        graph: function that builds the static graph in 32-bit floats.
    """

    name: str
    role: Role
    graph: Callable[[], onnx.ModelProto]


@dataclass(frozen=True, slots=True)
class ProfileProgress:
    """Progress of a profile, reported after every item.

    Attributes:
        done: number of graphs measured so far.
        name: name of the last graph.
        milliseconds: fastest inference of the last graph.
        seconds: time spent so far.
        warnings: warnings about the samples of the last graph.
        lacking: number of networks still needed for a table, even if the time is over.
    """

    done: int
    name: str
    milliseconds: float
    seconds: float
    warnings: tuple[str, ...]
    lacking: int = 0


def profile(
    backend: Backend,
    items: Sequence[Item],
    partial: PartialProfile,
    seconds: float,
    report: Callable[[ProfileProgress], None] = lambda progress: None,
    least: tuple[int, int] | None = None,
) -> tuple[list[Measured], list[str]]:
    """Measure items in order until the time is over and a table has enough networks.

    Args:
        backend: runtime on the device.
        items: graphs to measure, in an order whose every prefix is balanced.
        partial: file that keeps the measurements; it may already hold some of them.
        seconds: time limit of the whole profile, earlier measurements in the file included.
        report: function called after every item.
        least: numbers of fitted and held-out networks that are measured even if the time is over;
            those of a table that stands alone if None.
    Returns:
        The best attempt of each measured graph, and the reason for each graph left out.
    Raises:
        BackendError: if the device computes in another precision or is lost; the measurements are
            kept.
    """
    kept = partial.load()
    tried = Counter(measured.sample.name for measured in kept)
    spent = sum(measured.sample.seconds for measured in kept)
    notes: list[str] = []
    reference = backend.compile(reference_graph())
    if reference.precision != backend.precision:
        raise BackendError(
            f"precision: this device runs convolutions in {reference.precision}, not in "
            f"{backend.precision} as requested; profile it in {reference.precision}."
        )
    failures = 0
    queue = deque(item for item in items if not tried[item.name])
    queue.extend(_noisy(items, kept, tried))
    while queue:
        item = queue.popleft()
        if spent > seconds and (tried[item.name] or not lacking(kept, least)):
            break
        started = time.monotonic()
        try:
            measured = measure_item(backend, item, reference, longest=seconds / LEAST)
        except BackendError as error:
            failures += item.role != "module"  # a runtime may lack one of their operators
            if failures == MAX_FAILURES:
                raise BackendError(
                    f"{error} That was graph number {failures} in a row; what was measured before "
                    f"is kept in {partial.path}: the same command with --resume continues."
                ) from None
            notes.append(f"{item.name} left out: {error}")
            continue
        failures = 0
        took = time.monotonic() - started
        spent += took
        done = replace(measured, sample=replace(measured.sample, seconds=round(took, 3)))
        partial.append(done)
        kept.append(done)
        tried[item.name] += 1
        if not queue:
            queue.extend(_noisy(items, kept, tried))
        fastest, warnings = min(done.sample.ms), done.sample.warnings
        report(
            ProfileProgress(len(tried), item.name, fastest, spent, warnings, lacking(kept, least))
        )
    return best_of(kept), notes


def measure_calmly(
    backend: Backend, item: Item, reference: Session, all_known: bool = True
) -> Measured:
    """Repeat `measure_item` while the samples are disturbed; return the best of all attempts."""
    found: list[Measured] = []
    while len(found) < MAX_ATTEMPTS and (not found or found[-1].sample.warnings):
        found.append(measure_item(backend, item, reference, all_known))
    return best_of(found)[0]


def best_of(measured: Sequence[Measured]) -> list[Measured]:
    """Return the least disturbed attempt of each graph."""
    best: dict[str, Measured] = {}
    for one in measured:
        other = best.get(one.sample.name)
        if other is None or _unrest(one) < _unrest(other):
            best[one.sample.name] = one
    return list(best.values())


def _unrest(measured: Measured) -> tuple[int, float]:
    sample = measured.sample
    return len(sample.warnings), spread(np.array(sample.ms) / sample.reference_ms)


def _noisy(items: Sequence[Item], kept: Sequence[Measured], tried: Counter[str]) -> list[Item]:
    """Return the networks to measure again, whose every attempt so far was disturbed."""
    noisy = {one.sample.name for one in best_of(kept) if one.sample.warnings}
    return [
        item
        for item in items
        if item.role != "operator" and item.name in noisy and tried[item.name] < MAX_ATTEMPTS
    ]


def measure_item(
    backend: Backend,
    item: Item,
    reference: Session,
    all_known: bool = True,
    longest: float = inf,
) -> Measured:
    """Measure one graph and assign its times to its operators.

    Args:
        backend: runtime to measure with.
        item: graph to measure.
        reference: session of `reference_graph` on the same backend.
        all_known: whether operators without an `Op` are an error.
        longest: maximum sampling time in seconds; the limit of the role applies too.
    Raises:
        BackendError: if the backend cannot run the graph.
        MaenasError: if the graph has unknown operators.
    """
    graph = item.graph()
    layers = graph_layers(graph)
    if layers.unknown and all_known:
        raise MaenasError(f"{item.name}: has unknown operators: {counted(layers.unknown)}.")
    session = backend.compile(graph, layers=backend.has_layers and item.role != "held-out")
    try:
        samples = sample(session, reference, min(longest, SECONDS[item.role]))
    finally:
        session.close()
    indices: dict[Op, int] = {}
    listed = [[indices.setdefault(priced(op), len(indices)) for op in x.ops] for x in layers.layers]
    return Measured(
        tuple(indices),
        TableSample(
            name=item.name,
            role=item.role,
            ops=tuple(index for some in listed for index in some),
            ms=_rounded(samples.ms),
            reference_ms=_rounded(samples.reference_ms),
            layers=tuple(layer_samples(layers.layers, listed, samples, item.role != "operator")),
            warnings=samples.warnings,
        ),
        session.precision,
        session.note,
    )


def layer_samples(
    layers: Sequence[Layer], listed: Sequence[Sequence[int]], samples: Samples, whole: bool
) -> Iterator[LayerSample]:
    """Yield the time of each layer, summed over all runtime layers that name one of its nodes.

    A layer without a time, such as a transpose that a matrix product reads as it is, is part of the
    layer that makes its input.

    Args:
        layers: layers of the graph.
        listed: for each layer, indices of its operators.
        samples: measurements of the graph.
        whole: whether the graph is a whole network; otherwise the layout changes of its inputs
            do not count, because inside of a network there are none at this place.
    """
    owner = {node: position for position, layer in enumerate(layers) for node in layer.nodes}
    joined = _Groups(len(layers))
    timed: list[tuple[int, LayerTime]] = []
    for time_of in samples.layers:
        owners = sorted({owner[node] for node in time_of.nodes if node in owner})
        at_input = time_of.layout and any(layers[index].source is None for index in owners)
        if owners and (whole or not at_input):
            joined.join(owners)
            timed.append((owners[0], time_of))
    has_time = {joined.of(first) for first, _ in timed}
    for position, layer in enumerate(layers):
        if layer.source is not None and joined.of(position) not in has_time:
            joined.join([layer.source, position])
    sums: dict[int, float] = {}
    for first, time_of in timed:
        group = joined.of(first)
        sums[group] = sums.get(group, 0.0) + time_of.us
    for group, us in sums.items():
        positions = [p for position in range(len(layers)) if joined.of(position) == group
                  for p in listed[position]]  # fmt: skip
        yield LayerSample(layers[group].name, tuple(positions), _rounded([us])[0])


class _Groups:
    """Groups of graph layers that the runtime fused with each other (union-find)."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def of(self, index: int) -> int:
        """Return the first layer of the group that a layer belongs to."""
        while self._above[index] != index:
            index = self._above[index]
        return index

    def join(self, indices: Sequence[int]) -> None:
        """Merge the groups of these layers."""
        firsts = sorted(self.of(index) for index in indices)
        for first in firsts:
            self._above[first] = firsts[0]


def merged(measured: Sequence[Measured]) -> tuple[tuple[Op, ...], tuple[TableSample, ...]]:
    """Return one list of operators for all samples, and the samples with indices into it."""
    positions: dict[Op, int] = {}
    samples = []
    for one in measured:
        new = [positions.setdefault(op, len(positions)) for op in one.ops]
        samples.append(
            replace(
                one.sample,
                ops=tuple(new[position] for position in one.sample.ops),
                layers=tuple(
                    replace(layer, ops=tuple(new[position] for position in layer.ops))
                    for layer in one.sample.layers
                ),
            )
        )
    return tuple(positions), tuple(samples)


def extended(table: LatencyTable, measured: Sequence[Measured]) -> LatencyTable:
    """Return the table with more samples; new samples of a graph replace its old ones."""
    new = {one.sample.name for one in measured}
    kept = [Measured(table.ops, old) for old in table.samples if old.name not in new]
    ops, samples = merged([*kept, *measured])
    today = datetime.now(UTC).isoformat(timespec="seconds")
    provenance = {**table.provenance, "extended": today}
    return replace(table, ops=ops, samples=samples, provenance=provenance)


def counted(kinds: Counter[str]) -> str:
    """Return counts as text for a message, such as "3 x LayerNormalization, 1 x TopK"."""
    return ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common())


def lacking(measured: Sequence[Measured], least: tuple[int, int] | None = None) -> int:
    """Return how many networks must still be measured before a table can be written."""
    roles = Counter(one.sample.role for one in measured)
    fitted, held_out = (MIN_FITTED, MIN_HELD_OUT) if least is None else least
    return max(0, fitted - roles["fit"]) + max(0, held_out - roles["held-out"])


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    """Round times to six significant digits, which is finer than any measurement."""
    return tuple(float(f"{value:.6g}") for value in values)
