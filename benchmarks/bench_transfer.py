"""How well a few measurements transfer a table: `python -m benchmarks.bench_transfer STEP FOLDER`.

FOLDER keeps everything, so that each step can be interrupted and repeated:

    python -m benchmarks.bench_transfer graphs FOLDER     # write the graphs, once
    nice -n -20 python -m benchmarks.bench_transfer measure FOLDER  # repeat until done
    python -m benchmarks.bench_transfer pairs FOLDER      # from the files alone, 3 minutes

`measure` times all graphs on each device of `TARGETS` and keeps them in FOLDER/DEVICE.jsonl.
Devices take turns in every call, so that a drift of the machine affects all of them. On a CPU
without bf16 name the others: `--devices cpu-1t cpu-2t cpu-int8-1t ...`, in every step.

`pairs` reads these files. For each pair of devices it transfers the table of the first one by the
ten graphs that it chooses, prices the held-out networks, and prints mean error and share within
10 %, beside the error of a table of all graphs of the second device, which a transfer can hardly
beat. Held out are detectors of the templates, and the ONNX files in FOLDER/networks: those whose
name begins with "yolo", and others, such as classifiers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations
from pathlib import Path
from statistics import mean

import numpy as np
import onnx

from benchmarks.entry import CONTINUES, Parser, output_folder, run_main
from benchmarks.machine import write_csv
from maenas.blocks.errors import MaenasError
from maenas.budgets.arrays import Float64Array
from maenas.budgets.backends import Target, open_backend
from maenas.budgets.graph.operator_graph import operator_graph, reference_graph
from maenas.budgets.pricing.operator_model import relative_errors
from maenas.budgets.pricing.origin import Origin
from maenas.budgets.pricing.prediction_errors import CLOSE
from maenas.budgets.pricing.table import LatencyTable
from maenas.budgets.profiling.choice import Candidate, most_informative
from maenas.budgets.profiling.modules import module_graphs
from maenas.budgets.profiling.operator_grid import operator_grid
from maenas.budgets.profiling.partial_profile import PartialProfile
from maenas.budgets.profiling.profile import Item, best_of, measure_item
from maenas.latency.graphs import graph_of
from maenas.latency.networks import SPACES, drawn, interleaved, published_detector
from maenas.latency.profile import new_table
from maenas.latency.workload import find_workload

FITTED, HELD_OUT, SIZES, MODULE_SIZES = 20, 8, 2, 4
SCALES = ("ns", "nm", "nl", "t", "s")
LONGEST = 2.0  # seconds of sampling of one graph
TARGETS = {
    target.name: target
    for target in (
        Target("cpu", "openvino", "f32", 1),
        Target("cpu", "openvino", "f32", 2),
        Target("onnxruntime-cpu", "onnxruntime", "f32", 1),
        Target("cpu", "openvino", "int8", 1),
        Target("cpu", "openvino", "bf16", 1),
        Target("onnxruntime-cpu", "onnxruntime", "f32", 2),
        Target("cpu", "openvino", "int8", 2),
        Target("cpu", "openvino", "bf16", 2),
    )
}
KINDS = ("templates", "yolo", "other files")
COUNT, SECONDS = 10, 60.0


def items(folder: Path) -> list[Item]:
    """The graphs to measure, in an order whose every prefix is balanced."""
    spaces = SPACES["cpu"]
    published = [(f"zoo:{scale}", published_detector(scale)) for scale in SCALES]
    learnt = drawn(spaces, FITTED, 0, published)
    checked = [*published, *drawn(spaces, HELD_OUT, 1, [*published, *learnt])]
    files = sorted((folder / "networks").glob("*.onnx"))
    queues = (
        [Item(name, "module", graph) for name, graph in module_graphs(MODULE_SIZES)],
        [Item(name, "fit", partial(graph_of, spec)) for name, spec in learnt],
        [Item(f"held-out/{name}", "held-out", partial(graph_of, spec)) for name, spec in checked],
        [Item(f"held-out/{file.stem}", "held-out", partial(_read, file)) for file in files],
        [
            Item(f"operator/{index}", "operator", partial(operator_graph, op))
            for index, op in enumerate(operator_grid(SIZES))
        ],
    )
    return [replace(item, graph=partial(_kept, folder, item)) for item in interleaved(*queues)]


def _read(file: Path) -> onnx.ModelProto:
    return find_workload(str(file), None, None).graph()


def _kept(folder: Path, item: Item) -> onnx.ModelProto:
    """The graph of an item, written to the folder when it is built."""
    if item.role in ("operator", "module"):
        return item.graph()
    path = folder / "graphs" / f"{item.name.replace('/', '_')}.onnx"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        onnx.save(item.graph(), path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
    return onnx.load(path)


def write_graphs(folder: Path) -> None:
    """Build every graph."""
    for item in items(folder):
        item.graph()
        print(item.name, flush=True)


def measured(folder: Path, name: str) -> PartialProfile:
    """The samples of a device so far."""
    folder.mkdir(parents=True, exist_ok=True)
    return PartialProfile(folder / f"{name}.jsonl", {"table": name})


def measure(folder: Path, seconds: float, names: Sequence[str]) -> None:
    """Measure graphs on each device in turn, each for its share of the seconds."""
    everything = items(folder)
    for name in names:
        file = measured(folder, name)
        known = {one.sample.name for one in file.load()}
        todo = [item for item in everything if item.name not in known]
        if not todo:
            continue
        backend = open_backend(TARGETS[name])
        reference = backend.compile(reference_graph())
        started = time.monotonic()
        count = 0
        for item in todo:
            if time.monotonic() - started > seconds / len(names):
                break
            since = time.monotonic()
            try:
                one = measure_item(backend, item, reference, longest=LONGEST)
            except MaenasError as error:
                print(name, item.name, error)
                continue
            took = round(time.monotonic() - since, 3)
            file.append(replace(one, sample=replace(one.sample, seconds=took)))
            count += 1
        print(f"{name}: {count} graphs more, {len(todo) - count} to go", flush=True)


def table(folder: Path, name: str) -> LatencyTable:
    """The table of all samples of a device."""
    return new_table(TARGETS[name], {}, best_of(measured(folder, name).load()))


def transfer(source: LatencyTable, target: LatencyTable) -> LatencyTable:
    """The table of a device by the most informative graphs, from its own samples."""
    there = {sample.name for sample in target.samples}
    candidates = [
        Candidate(Item(sample.name, sample.role, reference_graph), source.ops_of(sample))
        for sample in source.samples
        if sample.role != "held-out" and sample.name in there
    ]
    model, has_layers = source.model(), target.backend == "openvino"
    chosen = most_informative(candidates, model, COUNT, SECONDS, has_layers)
    names = {one.item.name for one in chosen}
    samples = tuple(sample for sample in target.samples if sample.name in names)
    return replace(target, samples=samples, transfer=Origin.of(source.name, model))


def kind_of(name: str) -> str:
    """The kind of a held-out network: one of a template, of a YOLO file, or of another file."""
    file = name.removeprefix("held-out/")
    if "/" in file or ":" in file:
        return "templates"
    return "yolo" if file.startswith("yolo") else "other files"


def errors_of(table: LatencyTable, truth: LatencyTable, kind: str) -> Float64Array:
    """Signed errors of a table on the held-out networks of a kind, at the speed of the table.

    The speed is that of the reference graph, by which `maenas measure` scales its times too. Ten
    graphs are measured in half a minute, all the others in a quarter of an hour, and the processor
    of a virtual machine can be half as fast again for minutes.
    """
    networks = [
        one for one in truth.samples if one.role == "held-out" and kind_of(one.name) == kind
    ]
    speed = table.reference_ms / truth.reference_ms
    return relative_errors(
        table.model(), [(truth.ops_of(one), speed * truth.latency_ms(one)) for one in networks]
    )


def columns_of(kind: str, errors: Float64Array, whole: Float64Array) -> dict[str, object]:
    """Mean error in percent and share within 10 %, beside those of a table of all graphs."""
    return {
        f"{kind}": len(errors),
        f"{kind} mean": round(100 * float(np.abs(errors).mean()), 1),
        f"{kind} bias": round(100 * float(errors.mean()), 1),
        f"{kind} within 10": round(100 * float((np.abs(errors) <= CLOSE).mean())),
        f"{kind} mean of all graphs": round(100 * float(np.abs(whole).mean()), 1),
    }


def compare(folder: Path, names: Sequence[str]) -> None:
    """Print the errors of each pair of devices and write them down."""
    tables = {name: table(folder, name) for name in names}
    rows = []
    for target, source in permutations(tables, 2):
        truth = tables[target]
        found = transfer(tables[source], truth)
        row: dict[str, object] = {"source": source, "target": target, "graphs": len(found.samples)}
        row["quiet"] = not any(one.disturbance.is_heavy for one in (truth, tables[source]))
        row["speed"] = round(found.reference_ms / truth.reference_ms, 3)
        row["disturbed"] = sum(map(truth.doubtful, found.samples))
        row["disturbed in all"] = sum(map(truth.doubtful, truth.samples))
        row["seconds"] = round(sum(sample.seconds for sample in found.samples), 1)
        row["left out in turn mean"] = round(100 * found.errors.mean, 1)
        for kind in KINDS:
            errors = errors_of(found, truth, kind)
            if len(errors):
                row |= columns_of(kind, errors, errors_of(truth, truth, kind))
        rows.append(row)
        print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    for kind in KINDS:
        print(summary([row for row in rows if row["quiet"]], kind))
    print(write_csv("transfer", rows, list(rows[0])))


def summary(rows: Sequence[dict[str, object]], kind: str) -> str:
    """Means over the pairs of tables of which few samples were disturbed."""
    errors = [float(str(row[f"{kind} mean"])) for row in rows if kind in row]
    near = [float(str(row[f"{kind} within 10"])) for row in rows if kind in row]
    if not errors:
        return f"{kind}: no pair"
    return (
        f"{kind}, {len(errors)} pairs: mean error {mean(errors):.1f} % (worst pair "
        f"{max(errors):.1f} %), {mean(near):.0f} % within 10 %"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one step."""
    parser = Parser(__doc__)
    parser.add_argument("step", choices=("graphs", "measure", "pairs"), help="step")
    parser.add_argument("folder", type=output_folder, help="folder that keeps everything")
    parser.add_argument("--seconds", type=float, default=120.0, help="seconds of a call of measure")
    parser.add_argument(
        "--devices", nargs="+", choices=TARGETS, default=list(TARGETS), help="devices"
    )
    chosen = parser.parse_args(arguments)
    if chosen.step == "graphs":
        write_graphs(chosen.folder)
    elif chosen.step == "pairs":
        compare(chosen.folder, chosen.devices)
    else:
        measure(chosen.folder, chosen.seconds, chosen.devices)


if __name__ == "__main__":
    run_main(main, CONTINUES)
