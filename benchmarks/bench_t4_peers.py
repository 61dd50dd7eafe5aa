"""How well does the T4 estimate predict detectors of other families? From their ONNX files.

    python -m benchmarks.bench_t4_peers FOLDER [--write]

FOLDER holds ONNX files named after the networks of `t4_rows.PEERS` in lower case, such as
`yolox-s.onnx`: batch 1, the size they are published with, outputs before NMS; weights do not
matter. Networks without a file are skipped.

The scales of the T4 model are first fitted to these very networks (`calibrate_t4 --peers`). So the
last column is fairer: the error of a model that saw the other families of FOLDER alone. It is still
somewhat flattering, for the form of the model was chosen with all of them in view.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.calibrate_t4 import without_family
from benchmarks.entry import Parser, existing_folder, run_main
from benchmarks.machine import RESULTS
from benchmarks.t4_rows import (
    PEERS,
    Row,
    mean_error,
    peer_file,
    percent_off,
    read_peers,
    read_published,
)
from maenas.budgets.pricing.roofline import Roofline
from maenas.budgets.pricing.roofline_file import load_roofline

TABLE = RESULTS / "t4-peers.csv"


@dataclass(frozen=True, slots=True)
class Prediction:
    """Published and predicted latency of a network.

    Attributes:
        row: network with its published latency; `row.table` is its family.
        predicted_ms: latency predicted by the bundled model, in milliseconds.
        error: signed error of that prediction, in percent of the published latency.
        held_out_error: same error of a model that was fitted to the other families only.
    """

    row: Row
    predicted_ms: float
    error: float
    held_out_error: float


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("folder", type=existing_folder, help="folder with the ONNX files")
    parser.add_argument("--write", action="store_true", help=f"write results/{TABLE.name}")
    arguments = parser.parse_args()
    peers = read_peers(arguments.folder)
    if not peers:
        parser.error(f"{arguments.folder}: has none of {', '.join(map(peer_file, PEERS))}")
    predictions = predict(load_roofline("t4-trt7"), peers)
    print(report(predictions))
    if arguments.write:
        write_table(predictions, TABLE)
        print(f"wrote {TABLE}")


def predict(model: Roofline, peers: Sequence[Row]) -> list[Prediction]:
    """Predict each network by the model, and by one fitted to all families but its own."""
    rows = read_published()
    families = dict.fromkeys(peer.table for peer in peers)
    blind = {family: without_family(peers, rows, family) for family in families}
    return [
        Prediction(
            peer,
            model.latency_ms(peer.ops),
            percent_off(model, peer),
            percent_off(blind[peer.table], peer),
        )
        for peer in peers
    ]


def report(predictions: Sequence[Prediction]) -> str:
    """Text with a line per network, then the mean absolute error of each family and of all."""
    lines = [f"{'network':<14} {'published':>9} {'predicted':>9} {'error':>7} {'left out':>8}"]
    lines += [
        f"{p.row.network:<14} {p.row.latency_ms:9.2f} {p.predicted_ms:9.2f} "
        f"{p.error:+6.1f}% {p.held_out_error:+7.1f}%"
        for p in predictions
    ]
    groups = {
        p.row.table: [q for q in predictions if q.row.table == p.row.table] for p in predictions
    }
    for name, group in (*groups.items(), ("all", list(predictions))):
        seen = mean_error([p.error for p in group])
        left_out = mean_error([p.held_out_error for p in group])
        lines.append(f"mean error {name}: {seen:.1f}%, family left out {left_out:.1f}%")
    return "\n".join(lines)


def write_table(predictions: Sequence[Prediction], path: Path) -> None:
    """Write published and predicted latencies as CSV."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            ["family", "network", "published_ms", "predicted_ms", "error_percent",
             "error_family_left_out_percent"]
        )  # fmt: skip
        for p in predictions:
            table.writerow(
                [p.row.table, p.row.network, p.row.latency_ms, f"{p.predicted_ms:.3f}",
                 f"{p.error:+.1f}", f"{p.held_out_error:+.1f}"]
            )  # fmt: skip


if __name__ == "__main__":
    run_main(main)
