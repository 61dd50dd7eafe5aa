"""Table, lines and picture of `bench_real`, from what its trainings left."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.machine import read_csv, result_path, write_csv
from benchmarks.real.sides import STEP
from maenas.budgets import cost
from maenas.latency.workload import onnx_workload

NAME = "real"
KEYS = ("data", "size", "minutes", "epochs", "batch", "model", "seed")
SCORES = ("ap", "ap50", "ap75")
MS = ("f32_ms", "int8_ms")
COLUMNS = (*KEYS, "peer", *SCORES, "processor_min", "gmacs", *MS, "commit")
Row = dict[str, str]


def update(runs: Path) -> list[Row]:
    """Add the results in the folder of the trainings to the table; returns all its rows."""
    known = [dict.fromkeys(COLUMNS, "") | row for row in read_csv(result_path(NAME))]
    rows = {_key(row): row for row in known}
    for path in sorted(runs.glob("*/*/row.json")):
        found = dict.fromkeys(KEYS, "") | {k: str(value) for k, value in _read(path).items()}
        rows[_key(found)] = dict.fromkeys(COLUMNS, "") | rows.get(_key(found), {}) | found
    for path in sorted(runs.glob("*/latency.json")):
        timed = _read(path)
        for row in rows.values():
            network = row["model"].partition(STEP)[0]  # other steps leave the network as it is
            ms = timed["ms"].get(network)
            if ms and (row["data"], row["size"]) == (timed["data"], str(timed["size"])):
                row |= {f"{precision}_ms": f"{value:.3f}" for precision, value in ms.items()}
                row["gmacs"] = f"{gmacs(path.parent / 'latency' / f'{network}.onnx'):.3f}"
    ordered = sorted(rows.values(), key=_key)
    write_csv(NAME, ordered, COLUMNS)
    return ordered


@cache
def gmacs(file: Path) -> float:
    """Multiplications of the network in an ONNX file, in thousand millions."""
    return cost(onnx_workload(file, None).ops, None).macs / 1e9


def lines(rows: Sequence[Row]) -> list[str]:
    """One line per model of a data set: mean over its random seeds, range of AP, and latency."""
    found = []
    for key, some in _by_model(rows).items():
        data, size, minutes, epochs, batch, model = key
        ap = [float(row["ap"]) for row in some]
        means = ", ".join(f"{name} {_mean(some, name):.3f}" for name in SCORES)
        ms = ", ".join(f"{name[:-3]} {some[0][name]} ms" for name in MS if some[0][name])
        found.append(
            f"{data} at {size}, {_length(minutes, epochs)}, batch {batch}: {model}: {means} "
            f"(AP {min(ap):.3f}..{max(ap):.3f}, {len(ap)} seeds), "
            f"{_mean(some, 'processor_min'):.0f} processor minutes"
            + (f", {some[0]['gmacs']} GMACs, {ms}" if ms else "")
        )
    return found


def draw(rows: Sequence[Row]) -> str:
    """Draw AP against latency for each data set; returns what was written."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    models = {key: some for key, some in _by_model(rows).items() if some[0]["f32_ms"]}
    counts = Counter(map(_panel, models))
    panels = sorted(panel for panel, count in counts.items() if count > 1)
    if not panels:
        return "no plot yet: it takes two trained models of one data set that have a latency"
    figure, axes = plt.subplots(1, len(panels), figsize=(7 * len(panels), 4), squeeze=False)
    for axis, panel in zip(axes[0], panels, strict=True):
        for key, some in models.items():
            if _panel(key) == panel:
                _point(axis, key[-1], some)
        axis.set_title("{} at {}, {}".format(*panel))
        axis.set_xlabel("OpenVINO f32, 1 thread, ms")
        axis.set_ylabel("AP on the test split")
        axis.margins(0.25)
        low, high = axis.dataLim.intervalx
        axis.set_xlim(0.9 * low, 1.1 * high)  # a difference of a percent looks like one
        axis.grid(alpha=0.3)
    figure.tight_layout()
    path = result_path(NAME).with_suffix(".png")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return str(path)


def _point(axis: Any, model: str, some: Sequence[Row]) -> None:
    ms, ap = float(some[0]["f32_ms"]), _mean(some, "ap")
    is_peer = some[0]["peer"] == "True"
    axis.plot(ms, ap, "s" if is_peer else "o", color="tab:grey" if is_peer else "tab:blue")
    # Ours lie above a peer of the same latency, so their names stand on opposite sides; a peer that
    # takes other steps has the latency of the usual one, and may have its AP.
    if not is_peer:
        offset, side = (-4, 6), "right"
    else:
        offset, side = ((-5, -11), "right") if "-step-" in model else ((5, -11), "left")
    axis.annotate(model, (ms, ap), xytext=offset, textcoords="offset points", fontsize=8, ha=side)


def _by_model(rows: Sequence[Row]) -> dict[tuple[str, ...], list[Row]]:
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in KEYS[:-1]), []).append(row)
    return found


def _panel(key: tuple[str, ...]) -> tuple[str, str, str]:
    """Data set, size and length of training: one panel shows models that share them."""
    data, size, minutes, epochs = key[:4]
    return data, size, f"{minutes} processor minutes" if minutes else f"{epochs} epochs"


def _length(minutes: str, epochs: str) -> str:
    return f"{minutes} processor minutes ({epochs} epochs)" if minutes else f"{epochs} epochs"


def _key(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in KEYS)


def _mean(rows: Sequence[Row], name: str) -> float:
    return statistics.mean(float(row[name]) for row in rows)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
