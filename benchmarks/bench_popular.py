"""How well a table predicts popular detectors: `python -m benchmarks.bench_popular FOLDER`.

FOLDER holds ONNX files of detectors, such as exports of YOLOv8n, 9t, 10n, 11n, 12n and 26n with
random weights; none of them is part of this repository, nor of any profile. Each is priced by the
table and measured on this machine, in turn with the reference graph. For steady figures:

    chrt -r 10 python -m benchmarks.bench_popular FOLDER --device cpu-1t

The table is measured first: `maenas profile --device cpu --threads 1 --quick`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, median

from benchmarks.entry import Parser, existing_folder, positive, run_main
from benchmarks.machine import write_csv
from maenas.budgets.backends import Session, Target, open_backend
from maenas.budgets.device import find_table
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.budgets.pricing.table import LatencyTable, load_table
from maenas.latency.predict import prediction
from maenas.latency.workload import Workload, find_workload

ROUNDS = 12  # turns of all networks, so that a disturbance meets every one of them


def main(arguments: Sequence[str] | None = None) -> None:
    """Print predicted and measured milliseconds of each file, its error, and the mean error."""
    parser = Parser(__doc__)
    parser.add_argument("folder", type=existing_folder, help="folder with ONNX files")
    parser.add_argument("--device", default="cpu-1t", help="table to price with: its name or file")
    parser.add_argument(
        "--rounds", type=positive, default=ROUNDS, help="measurements of each network"
    )
    chosen = parser.parse_args(arguments)
    path = find_table(chosen.device)
    files = sorted(chosen.folder.glob("*.onnx"))
    if path is None or not files:
        parser.error(f"there is no table {chosen.device!r}, or no .onnx file in {chosen.folder}")
    table = load_table(path)
    rows = list(
        compared(table, [find_workload(str(file), None, None) for file in files], chosen.rounds)
    )
    for row in rows:
        print(
            f"{row['network']}: predicted {row['predicted_ms']} ms, measured {row['measured_ms']} "
            f"ms, {row['error_percent']:+} %, {row['extrapolated_percent']} % extrapolated, "
            f"without a price: {row['unpriced']} (at least {row['unpriced_percent']} %)"
        )
    print(f"{table.name}: {table.about}")
    errors = [abs(float(str(row["error_percent"]))) for row in rows]
    print(f"mean error of {len(rows)} detectors: {mean(errors):.1f} %, largest {max(errors):.1f} %")
    print(write_csv("popular", rows, list(rows[0])))


def compared(
    table: LatencyTable, workloads: Sequence[Workload], rounds: int
) -> Iterator[dict[str, object]]:
    """Yield a row per network: its price, and the median of its times at the table's speed."""
    model = table.model()
    backend = open_backend(Target(table.device, table.backend, table.precision, table.threads))
    reference = backend.compile(reference_graph())
    sessions = [backend.compile(workload.graph()) for workload in workloads]
    times: list[list[float]] = [[] for _ in sessions]
    for _ in range(rounds):
        for session, found in zip(sessions, times, strict=True):
            found += scaled(session, reference, table.reference_ms)
    for workload, found in zip(workloads, times, strict=True):
        price, measured = prediction(workload, model), median(found)
        predicted = price.latency_ms
        yield {
            "network": Path(workload.name).stem,
            "predicted_ms": round(predicted, 2),
            "measured_ms": round(measured, 2),
            "error_percent": round(100 * (predicted / measured - 1), 1),
            "extrapolated_percent": round(100 * price.extrapolated_share, 1),
            "unpriced": " ".join(one.kind for one in price.unpriced) or "none",
            "unpriced_percent": round(100 * (price.unpriced_share or 0.0), 1),
        }


def scaled(session: Session, reference: Session, reference_ms: float) -> list[float]:
    """Milliseconds of three inferences, at the speed that the device had for the table."""
    before = reference.run(6).ms
    run = session.run(3).ms
    speed = reference_ms / mean([*before, *reference.run(6).ms])
    return [ms * speed for ms in run]


if __name__ == "__main__":
    run_main(main)
