"""A kit's table against that of `maenas profile`: `python -m benchmarks.bench_kit FOLDER`.

On the CPU of this machine, both are measured in turns of two minutes with the same precision and
number of threads: the kit by its script with `benchmark_app`, the other by `maenas profile`. Then
networks that neither was fitted to are measured beside the reference graph, by both ways again in
three rounds, and each table predicts the median that its own way of measuring gives. A loop of one
graph alone, as the tool of a vendor runs it, finds warmer caches than turns of two graphs: with the
times of one way for both tables, this difference counted as an error of the other.

It takes 30 minutes, on a machine that does nothing else; `--before "nice -n -20"` helps. Real-time
priority (`chrt`) does not: by default Linux pauses such a process for 50 ms of each second, which
lengthens the mean of the reference graph by 5 %.

FOLDER keeps kits, tables and times; started again, the benchmark continues there.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, median

from benchmarks.entry import CONTINUES, Parser, output_file, output_folder, positive, run_main
from benchmarks.machine import write_csv
from maenas.budgets.backends import Target, open_backend
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.budgets.kit.manifest import load_manifest
from maenas.budgets.kit.reading import read_kit_logs
from maenas.budgets.pricing.table import load_table
from maenas.budgets.profiling.profile import Item
from maenas.budgets.profiling.sampling import sample
from maenas.kit.write import KitRequest, write_kit
from maenas.latency.graphs import graph_of
from maenas.latency.networks import NamedDetector, drawn, published_detector

PUBLISHED = ("ns", "nm", "nl", "t", "s", "m")
DRAWN, SEED = 8, 1234
SECONDS = 3.0  # of sampling of one network
ROUNDS = 3  # a shared machine changes its speed for minutes
TURN_S = 120
MAENAS = (sys.executable, "-m", "maenas", "profile")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the mean error of each table on networks that neither saw, and their ratio."""
    parser = Parser(__doc__)
    parser.add_argument("folder", type=output_folder, help="folder for kit, tables and times")
    parser.add_argument("--before", default="", help="command before each that measures")
    parser.add_argument("--threads", type=positive, default=1, help="number of CPU threads")
    parser.add_argument("--minutes", type=float, default=8, help="time of the profile")
    parser.add_argument(
        "--rounds", type=positive, default=ROUNDS, help="measurements of each network"
    )
    parser.add_argument(
        "--measure", type=output_file, help="only measure the networks, into this file"
    )
    chosen = parser.parse_args(arguments)
    folder: Path = chosen.folder
    if chosen.measure:
        chosen.measure.write_text(json.dumps(times(chosen.threads)))
        return
    folder.mkdir(parents=True, exist_ok=True)
    before = shlex.split(chosen.before)
    make_tables(folder, before, chosen.threads, chosen.minutes)
    for index in range(chosen.rounds):
        check(folder, before, chosen.threads, index)
    rows = compared(folder, chosen.rounds)
    print(write_csv("kit", rows, list(rows[0])))


def make_tables(folder: Path, before: Sequence[str], threads: int, minutes: float) -> None:
    """Measure kit and profile in turns, and read the kit."""
    kit, table = folder / "kit", folder / "profile.json"
    of_kit = ["--runtime", "benchmark_app", "--threads", str(threads), "--name", "kit"]
    if not kit.exists():
        subprocess.run([*MAENAS, "--kit", str(kit), *of_kit], check=True)
    profile = [*MAENAS, "--threads", str(threads), "--minutes", str(minutes), "--out", str(table)]
    kit_is_done = False
    while not (kit_is_done and table.exists()):
        if not kit_is_done:
            turn = ["timeout", str(TURN_S), "sh", str(kit / "measure.sh")]
            ended = subprocess.run([*before, *turn], check=False).returncode
            kit_is_done = ended in (0, 1)  # 1 if the tool refused a graph
        if not table.exists():
            begun = table.with_name(f"{table.name}.partial").exists()
            turn = ["timeout", "-s", "INT", str(TURN_S), *profile, *["--resume"] * begun]
            subprocess.run([*before, *turn], check=False)
    if not (folder / "kit.json").exists():
        read = ["--from", str(kit), "--out", str(folder / "kit.json")]
        subprocess.run([*MAENAS, *read], check=True)


def networks() -> list[NamedDetector]:
    """Networks that neither table is fitted to: published ones and random ones."""
    published = [(f"zoo:{scale}", published_detector(scale)) for scale in PUBLISHED]
    return [*published, *drawn(("res", "csp", "mob"), DRAWN, SEED, published)]


def check(folder: Path, before: Sequence[str], threads: int, index: int) -> None:
    """Measure the networks by the tool of the kit and by the sampler of a profile: one round."""
    kit, sampled = folder / f"check-{index}", folder / f"times-{index}.json"
    if not kit.exists():
        items = [Item(name, "held-out", partial(graph_of, spec)) for name, spec in networks()]
        write_kit(kit, KitRequest("benchmark_app", threads=threads, name="check"), graphs=items)
    subprocess.run([*before, "sh", str(kit / "measure.sh")], check=True)
    if not sampled.exists():
        again = [sys.executable, "-m", "benchmarks.bench_kit", str(folder)]
        again += ["--measure", str(sampled), "--threads", str(threads)]
        subprocess.run([*before, *again], check=True)


def times(threads: int) -> dict[str, float]:
    """Median time of each network relative to the reference graph, as a profile samples it."""
    backend = open_backend(Target("cpu", "openvino", "f32", threads))
    reference = backend.compile(reference_graph())
    found = {}
    for name, spec in networks():
        samples = sample(backend.compile(graph_of(spec)), reference, SECONDS)
        found[name] = relative(samples.ms, samples.reference_ms)
    return found


def times_of_kit(folder: Path) -> dict[str, float]:
    """Median time of each network relative to the reference graph, by the logs of a kit."""
    reading = read_kit_logs(folder, load_manifest(folder))
    every = [one.sample for one in reading.measured]
    return {one.name: relative(one.ms, one.reference_ms) for one in every}


def relative(ms: Sequence[float], reference_ms: Sequence[float]) -> float:
    """Median of the ratios of times to those of the reference graph beside them."""
    return median(one / other for one, other in zip(ms, reference_ms, strict=True))


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Median time of each network over the rounds."""
    return {name: median(one[name] for one in rounds) for name in rounds[0]}


def compared(folder: Path, rounds: int) -> list[dict[str, object]]:
    """Rows of all networks; prints the errors."""
    tables = {name: load_table(folder / f"{name}.json") for name in ("profile", "kit")}
    indices = range(rounds)
    ratios = {
        "profile": medians([json.loads((folder / f"times-{i}.json").read_text()) for i in indices]),
        "kit": medians([times_of_kit(folder / f"check-{i}") for i in indices]),
    }
    rows: list[dict[str, object]] = []
    errors: dict[str, list[float]] = {name: [] for name in tables}
    for network, spec in networks():
        row: dict[str, object] = {"network": network}
        for name, table in tables.items():
            measured = ratios[name][network] * table.reference_ms
            predicted = table.model().latency_ms(spec.ops())
            errors[name].append(abs(predicted / measured - 1))
            row |= {
                f"{name}_predicted_ms": round(predicted, 2),
                f"{name}_measured_ms": round(measured, 2),
                f"{name}_error_percent": round(100 * (predicted / measured - 1), 1),
            }
        rows.append(row)
        print(", ".join(f"{key} {value}" for key, value in row.items()))
    for name, table in tables.items():
        print(f"{name}: {table.about}; {table.disturbance.line()}")
        print(f"  its own networks held out: mean error {100 * table.errors.mean:.1f} %")
        worst = max(errors[name])
        middle = 100 * median(errors[name])
        print(
            f"  these networks: mean {100 * mean(errors[name]):.2f} %, median {middle:.2f} %, "
            f"largest {100 * worst:.1f} %"
        )
    between = [ratios["kit"][network] / ratios["profile"][network] for network, _ in networks()]
    print(
        f"times of the kit's tool, relative to those of the profile: median {median(between):.3f}"
    )
    ratio = mean(errors["kit"]) / mean(errors["profile"])
    print(f"{len(rows)} networks that neither was fitted to: the kit's mean error is {ratio:.2f} x")
    return rows


if __name__ == "__main__":
    run_main(main, CONTINUES)
