"""Measuring a device: operators alone, operators inside networks, and networks to check with."""

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
from maenas.budgets.graph.layers import Layer, graph_layers
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.budgets.pricing.disturbance import Role
from maenas.budgets.pricing.op_rows import priced
from maenas.budgets.pricing.table import LatencyTable, LayerSample, TableSample
from maenas.budgets.profiling.partial_profile import Measured, Unfinished
from maenas.budgets.profiling.sampling import Samples, sample, spread

MIN_FITTED, MIN_HELD_OUT = 9, 6  # networks: below that a table says too little of itself
# Longest that one graph is sampled for: a single operator matters little.
SECONDS: dict[Role, float] = {"fit": 6.0, "held-out": 6.0, "operator": 0.5}
LEAST = 2 * (MIN_FITTED + MIN_HELD_OUT)  # one network takes at most such a part of all time
MAX_ATTEMPTS = 3  # at a network whose samples are disturbed
MAX_FAILURES = 3  # in a row: then it is not the graph but the device
SAME = ("runtime", "device", "system")  # of the provenance: else it is another machine's profile


@dataclass(frozen=True, slots=True)
class Item:
    """A graph to be measured; it is only made when its turn comes.

    Attributes:
        name: unique in a profile.
        role: what it is measured for.
        graph: makes it, static and in 32-bit floats.
    """

    name: str
    role: Role
    graph: Callable[[], onnx.ModelProto]


@dataclass(frozen=True, slots=True)
class Step:
    """Told after every item: for progress.

    Attributes:
        done: graphs so far.
        name: of the last one.
        milliseconds: it took at best.
        seconds: spent so far.
        warnings: of its samples.
        lacking: networks without which no table can be made, time or not.
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
    unfinished: Unfinished,
    seconds: float,
    report: Callable[[Step], None] = lambda step: None,
) -> tuple[list[Measured], list[str]]:
    """Measure items in order until the time is over; every role gets its turn before that.

    Args:
        backend: of the device.
        items: in an order of which any beginning is balanced.
        unfinished: keeps what is done, and may hold some of it already.
        seconds: for all of it, what was spent on the part that is done included.
        report: hears of every item.
    Returns:
        What was measured, of several attempts the best, and what had to be left out and why.
    Raises:
        BackendError: if the device computes in another precision, or is gone; what was measured
            is kept.
    """
    kept = unfinished.load()
    tried = Counter(measured.sample.name for measured in kept)
    spent = sum(measured.sample.seconds for measured in kept)
    notes: list[str] = []
    reference = backend.compile(reference_graph())
    if reference.precision != backend.precision:
        raise BackendError(
            f"precision: this device runs convolutions in {reference.precision} where "
            f"{backend.precision} was asked; profile it in {reference.precision}."
        )
    failures = 0
    queue = deque(item for item in items if not tried[item.name])
    queue.extend(_noisy(items, kept, tried))
    while queue:
        item = queue.popleft()
        if spent > seconds and (tried[item.name] or not lacking(kept)):
            break
        started = time.monotonic()
        try:
            measured = measure_item(backend, item, reference, longest=seconds / LEAST)
        except BackendError as error:
            failures += 1
            if failures == MAX_FAILURES:
                raise BackendError(
                    f"{error} That was graph number {failures} in a row; what was measured before "
                    f"is kept in {unfinished.path}: the same command with --resume goes on."
                ) from None
            notes.append(f"{item.name} left out: {error}")
            continue
        failures = 0
        took = time.monotonic() - started
        spent += took
        done = replace(measured, sample=replace(measured.sample, seconds=round(took, 3)))
        unfinished.append(done)
        kept.append(done)
        tried[item.name] += 1
        if not queue:
            queue.extend(_noisy(items, kept, tried))
        fastest, warnings = min(done.sample.ms), done.sample.warnings
        report(Step(len(tried), item.name, fastest, spent, warnings, lacking(kept)))
    return best_of(kept), notes


def measure_calmly(
    backend: Backend, item: Item, reference: Session, all_known: bool = True
) -> Measured:
    """`measure_item`, again where it was disturbed; of `MAX_ATTEMPTS` the best."""
    found: list[Measured] = []
    while len(found) < MAX_ATTEMPTS and (not found or found[-1].sample.warnings):
        found.append(measure_item(backend, item, reference, all_known))
    return best_of(found)[0]


def best_of(measured: Sequence[Measured]) -> list[Measured]:
    """Of each graph the attempt that was disturbed least."""
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
    """Networks to measure once more: every attempt so far was disturbed."""
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
    """Samples of one graph, its times given to its operators.

    Args:
        backend: to measure with.
        item: what to measure.
        reference: of `reference_graph`, on the same backend.
        all_known: whether operators that no `Op` stands for are an error.
        longest: seconds to sample it for at most, if that is less than its role allows.
    Raises:
        BackendError: if the backend cannot run it.
        MaenasError: if it has unknown operators.
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
    places: dict[Op, int] = {}
    listed = [[places.setdefault(priced(op), len(places)) for op in x.ops] for x in layers.layers]
    return Measured(
        tuple(places),
        TableSample(
            name=item.name,
            role=item.role,
            ops=tuple(place for some in listed for place in some),
            ms=_rounded(samples.ms),
            reference_ms=_rounded(samples.reference_ms),
            layers=tuple(layer_samples(layers.layers, listed, samples, item.role == "operator")),
            warnings=samples.warnings,
        ),
        session.precision,
        session.note,
    )


def layer_samples(
    layers: Sequence[Layer], listed: Sequence[Sequence[int]], samples: Samples, alone: bool
) -> Iterator[LayerSample]:
    """The time of every layer of the graph: of all runtime layers that name one of its nodes.

    Args:
        layers: of the graph.
        listed: places of their operators.
        samples: of the graph.
        alone: the graph is one operator, whose changes of layout belong to its inputs.
    """
    owner = {node: place for place, layer in enumerate(layers) for node in layer.nodes}
    joined = _Groups(len(layers))
    timed: list[tuple[int, LayerTime]] = []
    for time_of in samples.layers:
        owners = sorted({owner[node] for node in time_of.nodes if node in owner})
        if owners and not (alone and time_of.layout):
            joined.join(owners)
            timed.append((owners[0], time_of))
    sums: dict[int, float] = {}
    for first, time_of in timed:
        group = joined.of(first)
        sums[group] = sums.get(group, 0.0) + time_of.us
    for group, us in sums.items():
        places = [p for place in range(len(layers)) if joined.of(place) == group
                  for p in listed[place]]  # fmt: skip
        yield LayerSample(layers[group].name, tuple(places), _rounded([us])[0])


class _Groups:
    """Layers of the graph that some layer of the runtime stands for together."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def of(self, place: int) -> int:
        """The first of its group."""
        while self._above[place] != place:
            place = self._above[place]
        return place

    def join(self, places: Sequence[int]) -> None:
        """Make one group of those of all places."""
        firsts = sorted(self.of(place) for place in places)
        for first in firsts:
            self._above[first] = firsts[0]


def merged(measured: Sequence[Measured]) -> tuple[tuple[Op, ...], tuple[TableSample, ...]]:
    """One list of operators for all samples."""
    places: dict[Op, int] = {}
    samples = []
    for one in measured:
        new = [places.setdefault(op, len(places)) for op in one.ops]
        samples.append(
            replace(
                one.sample,
                ops=tuple(new[place] for place in one.sample.ops),
                layers=tuple(
                    replace(layer, ops=tuple(new[place] for place in layer.ops))
                    for layer in one.sample.layers
                ),
            )
        )
    return tuple(places), tuple(samples)


def extended(table: LatencyTable, measured: Sequence[Measured]) -> LatencyTable:
    """A table with more samples; those of a graph it holds already take the old ones' place."""
    new = {one.sample.name for one in measured}
    kept = [Measured(table.ops, old) for old in table.samples if old.name not in new]
    ops, samples = merged([*kept, *measured])
    today = datetime.now(UTC).isoformat(timespec="seconds")
    provenance = {**table.provenance, "extended": today}
    return replace(table, ops=ops, samples=samples, provenance=provenance)


def counted(kinds: Counter[str]) -> str:
    """For people: "3 x LayerNormalization, 1 x TopK"."""
    return ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common())


def lacking(measured: Sequence[Measured]) -> int:
    """Networks that must still be measured before a table says anything of itself."""
    roles = Counter(one.sample.role for one in measured)
    return max(0, MIN_FITTED - roles["fit"]) + max(0, MIN_HELD_OUT - roles["held-out"])


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    """Six digits: what a millionth of a time adds is no news."""
    return tuple(float(f"{value:.6g}") for value in values)
