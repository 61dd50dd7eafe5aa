"""The logs of a kit read as samples of a latency table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from maenas.blocks.op import Op
from maenas.budgets.backends.backend import LayerTime
from maenas.budgets.kit.load import kit_runtime
from maenas.budgets.kit.logs import KitLog, read_log
from maenas.budgets.kit.manifest import KitGraph, Manifest, identifier
from maenas.budgets.kit.runtime import KitRuntime, LogError, ToolLayers, ToolRun
from maenas.budgets.kit.script import SCRIPT
from maenas.budgets.latency import Precision
from maenas.budgets.pricing.op_rows import priced
from maenas.budgets.pricing.table_sample import TableSample
from maenas.budgets.profiling.partial_profile import Measured
from maenas.budgets.profiling.profile import layer_samples
from maenas.budgets.profiling.sampling import Samples, is_noisy

LOGS = "logs"
COVERED = 0.8  # least share of the time in layers that name nodes of the graph
AGAIN = f"run {SCRIPT} again, which measures this graph"


@dataclass(frozen=True, slots=True)
class GraphTimes:
    """What the log of one graph holds.

    Attributes:
        graph: graph in the manifest.
        log: log.
        runs: runs of the graph.
        references: runs of the reference graph, one before each run of the graph and one after
            the last.
        layers: layer times.
    """

    graph: KitGraph
    log: KitLog
    runs: tuple[ToolRun, ...]
    references: tuple[ToolRun, ...]
    layers: ToolLayers

    @property
    def conditions(self) -> tuple[str, str, Precision | None, int | None]:
        """What must be equal in all logs of a table: runtime, device, precision and threads."""
        run = self.runs[0]
        return run.runtime, run.device, run.precision, run.threads


@dataclass(frozen=True, slots=True)
class KitReading:
    """All logs of a kit.

    Attributes:
        measured: sample of each graph whose log is good.
        run: a run under the conditions that all these logs share; None if no log is good.
        precision: number format in which most of the work ran; None if the tool does not tell it.
        times: logs that the samples come from.
        notes: why each other graph has no sample, one line each.
    """

    measured: tuple[Measured, ...]
    run: ToolRun | None
    precision: Precision | None
    times: tuple[GraphTimes, ...]
    notes: tuple[str, ...]


def read_kit_logs(folder: Path, manifest: Manifest) -> KitReading:
    """Read the logs of a kit; a bad one gives a note instead of a sample."""
    runtime = kit_runtime(manifest.runtime)
    good: list[GraphTimes] = []
    notes: list[str] = []
    for graph in manifest.graphs:
        path = folder / LOGS / f"{graph.name}.log"
        try:
            good.append(_times(path, graph, manifest, runtime))
        except LogError as error:
            notes.append(f"{path}: {error}")
    usual = Counter(one.conditions for one in good).most_common(1)
    same = [one for one in good if one.conditions == usual[0][0]]
    for one in good:
        if one.conditions != usual[0][0]:
            there, others = _differences(one.conditions, usual[0][0])
            path = folder / LOGS / f"{one.graph.name}.log"
            notes.append(f"{path}: was measured with {there}, most others with {others}; "
                         f"delete it and run {SCRIPT} again")  # fmt: skip
    notes += _strangers(folder / LOGS, {graph.name for graph in manifest.graphs})
    notes += _lost(manifest, {one.graph.name for one in same})
    told = Counter(one.layers.precision for one in same if one.layers.layers)
    by_layers = told.most_common(1)[0][0] if told else None
    run = same[0].runs[0] if same else None
    return KitReading(
        tuple(_measured(one, manifest) for one in same),
        run,
        by_layers or (run.precision if run else None),
        tuple(same),
        tuple(notes),
    )


def _times(path: Path, graph: KitGraph, manifest: Manifest, runtime: KitRuntime) -> GraphTimes:
    """Return what a log holds.

    Raises:
        LogError: if the log is missing, cut off, of something else, or of a failure.
    """
    if not path.exists():
        cut = path.with_name(f"{path.name}.part").exists()
        raise LogError(f"is cut off; {AGAIN}" if cut else f"is missing; {AGAIN}")
    log = read_log(path)
    kit = identifier(manifest.files)
    if log.kit != kit:
        raise LogError(f"belongs to another kit ({log.kit}, this is {kit}); delete it and {AGAIN}")
    if log.graph != graph.name:
        raise LogError(f"is the log of {log.graph}; delete it and {AGAIN}")
    if (wrong := log.failure) is not None:
        raise LogError(f"the tool failed with status {wrong.status}: {runtime.reason(wrong.text)}")
    if not log.is_complete:
        raise LogError(f"is cut off; {AGAIN}")
    built = "\n".join(section.text for section in log.of("prepare"))
    runs = [runtime.parse(section.text, log.facts, built) for section in log.of("graph")]
    references = [runtime.parse(section.text, log.facts, built) for section in log.of("reference")]
    if not runs or len(references) != len(runs) + 1:
        raise LogError(
            f"holds {len(runs)} runs of the graph and {len(references)} of the reference, which "
            f"{SCRIPT} does not write; delete it and {AGAIN}"
        )
    known = {node for layer in graph.layers for node in layer.nodes}
    layers = runtime.layers("\n".join(one.text for one in log.of("layers")), known)
    if not _are_known(layers.layers, known):
        layers = ToolLayers()
    return GraphTimes(graph, log, tuple(runs), tuple(references), layers)


def _are_known(layers: Sequence[LayerTime], known: set[str]) -> bool:
    """Whether most of the time is in layers that name nodes of the graph."""
    total = sum(layer.us for layer in layers)
    return sum(one.us for one in layers if known & set(one.nodes)) >= COVERED * total > 0


def _measured(times: GraphTimes, manifest: Manifest) -> Measured:
    """Return the sample of a graph, as `measure_item` makes it of a session."""
    references = [run.mean for run in times.references]  # as the rounds of `sample`
    ms: list[float] = []
    reference_ms: list[float] = []
    for index, run in enumerate(times.runs):
        ms += run.ms
        reference_ms += [mean(references[index : index + 2])] * len(run.ms)
    warnings = ("noisy",) if is_noisy(ms, reference_ms) else ()
    samples = Samples(tuple(ms), tuple(reference_ms), times.layers.layers, warnings)
    layers = manifest.layers_of(times.graph)
    indices: dict[Op, int] = {}
    listed = [[indices.setdefault(priced(op), len(indices)) for op in one.ops] for one in layers]
    role = times.graph.role
    return Measured(
        tuple(indices),
        TableSample(
            name=times.graph.sample,
            role=role,
            ops=tuple(index for some in listed for index in some),
            ms=samples.ms,
            reference_ms=samples.reference_ms,
            layers=tuple(layer_samples(layers, listed, samples, role != "operator")),
            warnings=warnings,
        ),
    )


def _differences(there: Sequence[object], usual: Sequence[object]) -> tuple[str, str]:
    """Return the conditions that differ, of one log and of most logs, as text."""
    names = ("", "on ", "in ", "threads: ")
    pairs = [
        (f"{name}{one}", f"{name}{other}")
        for name, one, other in zip(names, there, usual, strict=True)
        if one != other
    ]
    return ", ".join(one for one, _ in pairs), ", ".join(other for _, other in pairs)


def _strangers(folder: Path, names: set[str]) -> Iterator[str]:
    """Yield a note on each log that is of no graph of the kit."""
    for path in sorted(folder.glob("*.log")):
        if path.stem not in names:
            yield f"{path}: is of no graph of this kit; it was skipped"


def _lost(manifest: Manifest, read: set[str]) -> Iterator[str]:
    """Yield a note on the kinds of operators that only graphs without a log have."""
    kinds: dict[bool, set[str]] = {True: set(), False: set()}
    for graph in manifest.graphs:
        has_price = graph.name in read and graph.role != "held-out"
        kinds[has_price] |= {op.kind for layer in manifest.layers_of(graph) for op in layer.ops}
    missing = sorted(kinds[False] - kinds[True])
    if missing and read:
        yield (
            f"no price for operators of kind {', '.join(missing)}: every graph that has them "
            "lacks a good log"
        )
