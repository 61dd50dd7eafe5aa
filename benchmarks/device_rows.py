"""Published latencies of whole networks by device, and the operators of those networks.

`device_rows.csv` lists the rows of each bundled estimate, one protocol a device, with their
sources. `device_networks.json` holds the operators of the networks, so that no ONNX file is needed
to fit again:

    python -m benchmarks.device_rows FOLDER     # writes it again from FOLDER/NETWORK.onnx
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.entry import Parser, existing_folder, run_main
from benchmarks.t4_rows import family_member
from maenas.blocks import Op
from maenas.blocks.files.atomic_write import write_text
from maenas.budgets.calibration.fitting import NetworkRow
from maenas.budgets.graph import graph_layers, load_graph
from maenas.budgets.pricing.op_rows import op_row, row_op

HERE = Path(__file__).parent
ROWS, NETWORKS = HERE / "device_rows.csv", HERE / "device_networks.json"
ZOO = "zoo:damo-yolo-"
RELU = "-relu"  # suffix of a network whose activations are ReLU


class Listed(NamedTuple):
    """A row of the list.

    Attributes:
        device: name of the estimate that is fitted to it.
        network: name of an ONNX file without its suffix, or of a published model of this package.
        family: family of detectors.
        latency_ms: published latency in milliseconds.
        source: page that publishes it.
        note: versions, and what the number leaves out.
    """

    device: str
    network: str
    family: str
    latency_ms: float
    source: str
    note: str


def listed(path: Path = ROWS) -> list[Listed]:
    """The rows of all devices."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Listed(**{**row, "latency_ms": float(row["latency_ms"])})  # type: ignore[arg-type]
            for row in csv.DictReader(file)
        ]


def device_rows(device: str) -> list[NetworkRow]:
    """The rows of one device, with the operators of each network."""
    networks = network_ops()
    return [
        NetworkRow(row.network, row.family, row.latency_ms, networks[row.network])
        for row in listed()
        if row.device == device
    ]


def network_ops() -> dict[str, tuple[Op, ...]]:
    """The operators of every network in the list, in no particular order."""
    data = json.loads(NETWORKS.read_text(encoding="utf-8"))
    ops = [row_op(row) for row in data["ops"]]
    found = {
        name: tuple(ops[index] for index, count in counts for _ in range(count))
        for name, counts in data["networks"].items()
    }
    members = {row.network for row in listed() if row.network.startswith(ZOO)}
    found |= {name: family_member(name.removeprefix(ZOO)) for name in members}
    with_relu = {row.network for row in listed() if row.network.endswith(RELU)}
    return found | {name: _with_relu(found[name.removesuffix(RELU)]) for name in with_relu}


def _with_relu(ops: tuple[Op, ...]) -> tuple[Op, ...]:
    """The operators with ReLU in place of every SiLU."""
    return tuple(replace(op, act="relu") if op.act == "silu" else op for op in ops)


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("folder", type=existing_folder, help="folder with the ONNX files")
    folder = parser.parse_args().folder
    index: dict[str, int] = {}
    networks = {}
    derived = {row.network for row in listed() if row.network.startswith(ZOO)}
    derived |= {row.network for row in listed() if row.network.endswith(RELU)}
    names = sorted({row.network for row in listed()} - derived)
    for name in names:
        layers = graph_layers(load_graph(folder / f"{name}.onnx"))
        assert not layers.unknown, (name, layers.unknown)
        counts = Counter(json.dumps(op_row(op), separators=(",", ":")) for op in layers.ops)
        networks[name] = [[index.setdefault(op, len(index)), n] for op, n in counts.items()]
        print(f"{name}: {len(layers.ops)} operators", flush=True)
    ops = ",\n".join(index)
    lines = ",\n".join(
        f"{json.dumps(name)}:{json.dumps(counts, separators=(',', ':'))}"
        for name, counts in networks.items()
    )
    write_text(NETWORKS, f'{{"ops":[\n{ops}],\n"networks":{{\n{lines}}}}}\n')


if __name__ == "__main__":
    run_main(main)
