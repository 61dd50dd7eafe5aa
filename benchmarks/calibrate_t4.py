"""How far is the bundled `t4-trt7` from published latencies? Calibrates it again, prints both.

    python -m benchmarks.calibrate_t4                  # fit, print, leave the model alone
    python -m benchmarks.calibrate_t4 --write          # write t4-trt7.yaml
    python -m benchmarks.calibrate_t4 --peers FOLDER   # fit what other families tell first

Three sources, each of which only refines the one before:

1. the shape of a kernel's efficiency, from single convolutions (`calibrate_v100`);
2. the scales of a T4, from physics and then the latencies the DAMO-YOLO report lists for detectors
   of other families, whose ONNX files FOLDER holds (named as `bench_t4_peers` says);
3. the same scales, from the report's own detectors, whose structure is known exactly.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from benchmarks.entry import Parser, existing_folder, run_main
from benchmarks.machine import RESULTS
from benchmarks.t4_report import report, shown
from benchmarks.t4_rows import Row, distinct, mean_error, percent_off, read_peers, read_published
from maenas.budgets.pricing.fit import Fit
from maenas.budgets.pricing.roofline import COEFFICIENTS, Roofline, sizes_of
from maenas.budgets.pricing.roofline_file import save_roofline

TABLE = RESULTS / "roofline-t4.csv"
T4_YAML = Path(str(files("maenas.budgets.devices"))) / "t4-trt7.yaml"

# Output of `calibrate_v100`. A T4 has the same shape of efficiency: the terms that are no rates.
V100 = {
    "sms": 80,
    "tensor_tmacs": 51.2,
    "operand_macs": 61.2,
    "fill_terms": 101.0,
    "step_ns": 23.1,
    "bandwidth_gbs": 2270.0,  # repeated measurements read from its caches
    "conv_us": 11.1,
    "depthwise_tmacs": 1.92,
    "depthwise_gbs": 536.0,
}
# CUDA cores of a T4 relative to a V100: FP32 TFLOP/s of the data sheets.
CUDA_CORES = 8.1 / 15.7
MEMORY = 320 / 900  # memory bandwidth of the data sheets, GB/s
# Expected value of each scale of a T4, and its uncertainty as the standard deviation of the
# logarithm.
PHYSICS: dict[str, tuple[float, float]] = {
    "tensor_tmacs": (18.0, 0.25),  # 55% of the data sheet's 65 TFLOP/s: a T4 throttles at 70 W
    # Below a V100's: the rows only show that it hides behind a block of the smallest tile.
    "step_ns": (15.0, 0.4),
    "bandwidth_gbs": (240.0, 0.15),  # rate that copies reach, of 320 GB/s
    "conv_us": (4.0, 0.3),  # two to three microseconds of launch, then prologue and epilogue
    "pointwise_us": (4.0, 0.3),
    "elementwise_share": (0.8, 0.3),  # a residual addition runs in the kernel of a SiLU
    "concat_share": (0.5, 0.3),
    "relayout": (2.0, 0.4),  # conversion of the input or output, sometimes both
    # Estimate for one level: transpose, softmax, expectation, slices, sums, concat.
    "decode_kernels": (12.0, 0.1),
}
# Output of `--peers`: scales fitted to 17 detectors of other families; they have no `decode`.
AFTER_PEERS = {
    "tensor_tmacs": 21.4,
    "step_ns": 13.9,
    "bandwidth_gbs": 212.0,
    "conv_us": 3.88,
    "pointwise_us": 4.89,
    "elementwise_share": 0.865,
    "concat_share": 0.622,
    "relayout": 1.97,
    "decode_kernels": 12.0,
}
# Mean absolute error on a family, in percent, of a model fitted to all other families.
FAMILIES = {"YOLOX": 4.1, "YOLOv5": 6.7, "YOLOv6": 3.9, "YOLOv7": 12.9, "YOLOE": 4.9}
REFINED = 0.12  # uncertainty of a scale after the fit to the peers
NOISE = 0.02  # relative error of a published latency: rounding, clocks, effects not modelled
PEER_NOISE = 0.06  # the same for a peer, whose export and measurement are less documented
SOURCE = "calibrated on T4 latencies of the DAMO-YOLO report (TensorRT 7.2, FP16, batch 1)"

Vector = NDArray[np.float64]
Priors = Mapping[str, tuple[float, float]]


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "--peers",
        type=existing_folder,
        metavar="FOLDER",
        help="folder with the ONNX files of other families",
    )
    parser.add_argument("--write", action="store_true", help="write the model and a table of rows")
    args = parser.parse_args()
    rows, scales, families = read_published(), AFTER_PEERS, FAMILIES
    if args.peers:
        peers = read_peers(args.peers)
        scales, families = fit_peers(peers), families_left_out(peers, rows)
        print(f"AFTER_PEERS = {scales}\nFAMILIES = {families}")
    model = with_fit(calibrated(rows, scales), rows, scales, families)
    print(report(model, rows))
    if args.write:
        save_model(model, T4_YAML)
        write_table(model, rows, TABLE)
        print(f"wrote {T4_YAML} and {TABLE}")


def calibrated(rows: Sequence[Row], scales: Mapping[str, float] = AFTER_PEERS) -> Roofline:
    """Fit the T4 model to the rows, with the given scales as prior."""
    priors = {name: (scales[name], min(REFINED, PHYSICS[name][1])) for name in PHYSICS}
    return fit_scales(distinct(rows), priors, NOISE)


def with_fit(
    model: Roofline,
    rows: Sequence[Row],
    scales: Mapping[str, float] = AFTER_PEERS,
    families: Mapping[str, float] = FAMILIES,
) -> Roofline:
    """`model` with its errors on the rows, and leave-one-out errors on the family."""
    rows = distinct(rows)
    errors = [percent_off(model, row) for row in rows]
    held_out = {
        row.network: percent_off(calibrated([r for r in rows if r is not row], scales), row)
        for row in rows
        if row.table == "family"
    }
    fit = Fit(
        rows=len(rows),
        mean_error=round(mean_error(errors), 2),
        max_error=round(max(map(abs, errors)), 2),
        leave_one_out={name: round(error, 2) for name, error in held_out.items()},
        families=dict(families),
        created=datetime.now(UTC).date().isoformat(),
    )
    return replace(model, fit=fit, sizes=sizes_of(op for row in rows for op in row.ops))


def fit_peers(peers: Sequence[Row]) -> dict[str, float]:
    """Fit the scales of a T4 to other families, with physics as prior; only that without peers."""
    if not peers:
        return {name: value for name, (value, _) in PHYSICS.items()}
    model = fit_scales(peers, PHYSICS, PEER_NOISE)
    return {name: float(f"{getattr(model, name):.3g}") for name in PHYSICS}


def without_family(peers: Sequence[Row], rows: Sequence[Row], family: str) -> Roofline:
    """The T4 model fitted to all families of `peers` but one."""
    return calibrated(rows, fit_peers([peer for peer in peers if peer.table != family]))


def families_left_out(peers: Sequence[Row], rows: Sequence[Row]) -> dict[str, float]:
    """Mean absolute error on each family, in percent, of a model fitted without that family."""
    found = {}
    for family in dict.fromkeys(peer.table for peer in peers):
        model = without_family(peers, rows, family)
        errors = [percent_off(model, peer) for peer in peers if peer.table == family]
        found[family] = round(mean_error(errors), 1)
    return found


def starting_model(v100: Mapping[str, float]) -> Roofline:
    """A T4 model with the efficiency shape of a V100 and the scales of physics."""
    expected: dict[str, Any] = {name: value for name, (value, _) in PHYSICS.items()}
    return Roofline(
        device="t4-trt7",
        source=SOURCE,
        fit=Fit(rows=0, mean_error=0.0, max_error=0.0, leave_one_out={}, families={}),
        sizes={},
        sms=40,
        operand_macs=v100["operand_macs"],
        fill_terms=v100["fill_terms"],
        depthwise_tmacs=float(f"{v100['depthwise_tmacs'] * CUDA_CORES:.3g}"),
        depthwise_gbs=float(f"{v100['depthwise_gbs'] * MEMORY:.3g}"),
        pool_tops=1.0,
        **expected,
    )


def fit_scales(
    rows: Sequence[Row],
    priors: Priors,
    noise: float,
    restarts: int = 3,
    start: Roofline | None = None,
) -> Roofline:
    """Most probable scales given the rows and the priors; the best of a few restarts."""
    first = start or starting_model(V100)
    counts = [Counter(row.ops) for row in rows]
    ops = list(dict.fromkeys(op for count in counts for op in count))
    times = np.array([[count[op] for op in ops] for count in counts])  # (rows, ops)
    published = np.log([row.latency_ms for row in rows])
    centre = np.log([value for value, _ in priors.values()])
    spread = np.array([deviation for _, deviation in priors.values()])

    def residuals(x: Vector) -> Vector:
        """Misfits of the rows, then of the priors, in standard deviations."""
        model = with_values(first, priors, centre + spread * x)
        predicted = times @ np.array([model.op_ms(op) for op in ops])
        return np.concatenate([(np.log(predicted) - published) / noise, x])

    random = np.random.default_rng(0)
    starts = [np.zeros(len(priors)), *random.normal(0, 0.5, (restarts - 1, len(priors)))]
    best = min((least_squares(residuals, x) for x in starts), key=lambda found: float(found.cost))
    return with_values(first, priors, centre + spread * best.x, digits=4)


def with_values(
    model: Roofline, names: Iterable[str], logarithms: Vector, digits: int = 17
) -> Roofline:
    """`model` with coefficients given by their logarithms, rounded to significant digits."""
    changes: dict[str, Any] = {
        name: float(f"{exp(value):.{digits}g}")
        for name, value in zip(names, logarithms, strict=True)
    }
    return replace(model, **changes)


def write_table(model: Roofline, rows: Sequence[Row], path: Path) -> None:
    """Write published and predicted latencies as CSV."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["table", "network", "published_ms", "predicted_ms", "error_percent"])
        for row in rows:
            predicted, error = model.latency_ms(row.ops), percent_off(model, row)
            table.writerow(
                [row.table, row.network, row.latency_ms, f"{predicted:.3f}", f"{error:+.1f}"]
            )


def save_model(model: Roofline, path: Path) -> None:
    """Write the model as YAML; its first lines say how it was made."""
    receipt = (
        "Estimated latency of a T4: TensorRT FP16, batch 1, whole network, without NMS.\n"
        "Written by benchmarks/calibrate_t4.py; budgets/pricing/roofline.py explains each line.\n"
        "Source: latencies of the DAMO-YOLO report, detector/model/ablations.yaml, after\n"
        "those it lists for other families, see benchmarks/t4_rows.py; lines marked V100 come\n"
        "from single convolutions measured there, published with\n"
        "lightweight-neural-architecture-search (Apache-2.0). Not measured on a T4 by us.\n"
        f"Errors in percent: left out {shown(model.fit.leave_one_out)};\n"
        f"families left out {shown(model.fit.families)};\n"
        f"mean {model.fit.mean_error}, max {model.fit.max_error} over {model.fit.rows} networks."
    )
    origins = dict.fromkeys(COEFFICIENTS, "V100") | dict.fromkeys(PHYSICS, "calibrated")
    save_roofline(model, path, receipt, origins | {"sms": "data sheet", "pool_tops": "assumed"})


if __name__ == "__main__":
    run_main(main)
