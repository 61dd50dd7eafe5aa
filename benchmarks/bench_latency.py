"""How good measured tables are: `python -m benchmarks.bench_latency TABLE...`.

For each table of `maenas profile`: the error on every network held out, the published models among
them, written as a CSV and a plot; how long one new stage and one whole ONNX detector take to be
priced. Make a table with, for example:

    maenas profile --device cpu --threads 1 --out cpu-1t.json
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from benchmarks.entry import Parser, existing_file, output_folder, run_main
from benchmarks.machine import write_csv
from maenas.budgets import LatencyModel
from maenas.budgets.pricing.table import LatencyTable, load_table
from maenas.latency.graphs import graph_of
from maenas.latency.networks import drawn, published_detector
from maenas.latency.plots import plot_prediction_errors
from maenas.latency.predict import priced_lines
from maenas.latency.workload import find_workload

STAGES = 200
REPEATS = 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of each table and write a CSV, and plots with --plots."""
    parser = Parser(__doc__)
    parser.add_argument("tables", type=existing_file, nargs="+", help="tables of maenas profile")
    parser.add_argument("--plots", type=output_folder, help="folder for plots")
    chosen = parser.parse_args(arguments)
    rows = []
    for path in chosen.tables:
        table = load_table(path)
        rows += held_out(table)
        if chosen.plots:
            plot_prediction_errors(table, chosen.plots / f"accuracy-{table.name}.png")
    print(write_csv("latency", rows, list(rows[0])))
    model = load_table(chosen.tables[0]).model()
    print(f"a new stage is priced in {stage_us(model):.0f} us (median of {STAGES})")
    print(f"an ONNX file of damo-yolo-s in {onnx_ms(model):.0f} ms (median of {REPEATS})")


def held_out(table: LatencyTable) -> list[dict[str, object]]:
    """Rows of the held-out networks; prints the errors of sampled and of published networks."""
    found = table.errors
    errors = np.array(found.predicted_ms) / np.array(found.measured_ms) - 1
    published = np.array(["zoo:" in name for name in found.names])
    print(f"{table.name}: {table.about}")
    for name, group in (("drawn", ~published), ("published", published)):
        if group.any():
            worst = np.abs(errors[group])
            print(
                f"  {group.sum()} {name}: mean {100 * worst.mean():.1f} %, median "
                f"{100 * np.median(worst):.1f} %, p90 {100 * np.percentile(worst, 90):.1f} %, "
                f"largest {100 * worst.max():.1f} %, "
                f"within 10 % {100 * (worst <= 0.1).mean():.0f} %"
            )
    print(f"  all: mean {100 * found.mean:.1f} %, rank correlation {found.spearman:.4f}")
    return [
        {
            "table": table.name,
            "runtime": table.about,
            "network": name.removeprefix("held-out/"),
            "predicted_ms": round(predicted, 3),
            "measured_ms": round(measured, 3),
            "error_percent": round(100 * float(error), 2),
        }
        for name, predicted, measured, error in zip(
            found.names, found.predicted_ms, found.measured_ms, errors, strict=True
        )
    ]


def stage_us(model: LatencyModel) -> float:
    """Microseconds to price a new stage whose operators are already listed."""
    stages = [
        ops
        for _, spec in drawn(("res", "csp", "mob"), STAGES // 5, seed=7)
        for ops in spec.backbone.stage_ops()
    ][:STAGES]
    times = []
    for ops in stages:
        start = time.perf_counter()
        sum(model.op_ms(op) for op in dict.fromkeys(ops))  # equal units are priced once
        times.append(1e6 * (time.perf_counter() - start))
    return median(times)


def onnx_ms(model: LatencyModel) -> float:
    """Milliseconds to read an ONNX file and price its operators."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "s.onnx"
        onnx.save(graph_of(published_detector("s")), path)
        times = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            priced_lines(find_workload(str(path), None, None), model)
            times.append(1e3 * (time.perf_counter() - start))
    return median(times)


if __name__ == "__main__":
    run_main(main)
