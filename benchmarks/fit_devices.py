"""Fit the bundled estimates to published latencies, and print their held-out errors.

    python -m benchmarks.fit_devices                    # every estimate; minutes
    python -m benchmarks.fit_devices pi5 agx-orin       # some of them
    python -m benchmarks.fit_devices t4 --write         # write budgets/devices/t4.yaml
    python -m benchmarks.fit_devices t4 --pairs         # errors on each pair of families left out

Rows and operators come from `device_rows`. The two of the T4 are rooflines whose coefficients are
fitted with priors; the others adapt a bundled estimate by multipliers, as `maenas calibrate` does.
Rows of different protocols are never fitted together.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibrate_t4 import fit_scales
from benchmarks.device_estimates import ESTIMATES, NPU, Estimate
from benchmarks.device_rows import device_rows
from benchmarks.entry import Parser, one_of, run_main
from benchmarks.t4_rows import Row
from maenas.blocks import Op
from maenas.budgets.calibration.fitting import NetworkRow, calibrated
from maenas.budgets.device import load_bundled
from maenas.budgets.pricing.fit import Fit
from maenas.budgets.pricing.kernels import KernelKind, kernel_of, range_of, terms_of
from maenas.budgets.pricing.operator_file import OperatorFile
from maenas.budgets.pricing.operator_model import Kernel, OperatorModel
from maenas.budgets.pricing.roofline import COEFFICIENTS, REFINEMENTS, Roofline, sizes_of
from maenas.budgets.pricing.roofline_file import load_roofline, save_roofline
from maenas.budgets.profiling.operator_grid import operator_grid

FOLDER = Path(str(files("maenas.budgets.devices")))
NOISE = 0.08  # relative error of a row of another project's list
# Prior of each coefficient of a T4 with a newer runtime: value, and standard deviation of its
# logarithm. The centre is `t4-trt7`, with launches and copies that a newer runtime saves.
PRIORS: dict[str, tuple[float, float]] = {
    "tensor_tmacs": (20.22, 0.4),
    "conv_us": (1.5, 0.7),
    "pointwise_us": (2.0, 0.7),
    "bandwidth_gbs": (229.6, 0.5),
    "step_ns": (12.78, 0.7),
    "elementwise_share": (0.5, 0.7),
    "concat_share": (0.6142, 0.7),
    "depthwise_tmacs": (0.991, 1.0),
    "depthwise_gbs": (191.0, 1.0),
    "operand_macs": (61.2, 1.0),
    "fill_terms": (101.0, 1.0),
    "copy_share": (0.6, 0.7),
    "activation_share": (0.3, 1.0),
}
DECODE = Op("decode", (68, 40, 40), (4, 40, 40))  # the grid has none
STEM_CHANNELS = 8  # TensorRT pads the channels of an image to 4 or 8


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument(
        "devices", nargs="*", type=one_of(ESTIMATES), metavar="DEVICE", help=", ".join(ESTIMATES)
    )
    parser.add_argument("--write", action="store_true", help="write the estimates")
    parser.add_argument(
        "--pairs", action="store_true", help="only leave out each pair of families; minutes"
    )
    arguments = parser.parse_args()
    for name in arguments.devices or ESTIMATES:
        started = time.perf_counter()
        rows = device_rows(name)
        if arguments.pairs:
            print(pairs_report(name, rows), flush=True)
            continue
        model = fitted(name, rows)
        print(report(name, model, rows, time.perf_counter() - started), flush=True)
        if arguments.write:
            save(name, model)


def fitted(name: str, rows: Sequence[NetworkRow]) -> Roofline | OperatorModel:
    """The estimate of a device, with its errors."""
    estimate = ESTIMATES[name]
    labels: dict[str, Any] = {
        "device": name,
        "means": estimate.means,
        "protocol": estimate.protocol,
    }
    if estimate.base is None:
        model = coefficients(rows)
        source = f"fitted to {len(rows)} networks of {estimate.source} ({estimate.protocol})"
        sizes = sizes_of(op for row in rows for op in row.ops)
        return replace(
            model,
            source=source,
            sizes=sizes,
            fit=errors(model, rows),
            **labels,
        )
    adapted = f"{estimate.base} adapted to {len(rows)} networks"
    source = f"{adapted}: {estimate.source} ({estimate.protocol})"
    found = calibrated(base_of(estimate, rows), rows)
    if isinstance(found.model, Roofline):
        return replace(found.model, source=source, fit=found.fit, **labels)
    return replace(
        found.model,
        hardware=estimate.hardware,
        precision=estimate.precision,
        about=f"estimated: {source}; {found.fit.text}",
        fit=found.fit,
        **labels,
    )


def base_of(estimate: Estimate, rows: Sequence[NetworkRow]) -> Roofline | OperatorModel:
    """The model that an estimate adapts by multipliers."""
    assert estimate.base is not None
    base = npu_base(rows) if estimate.base == NPU else load_bundled(estimate.base)
    if isinstance(base, Roofline):
        return replace(base, precision=estimate.precision, sms=estimate.sms or base.sms)
    assert isinstance(base, OperatorModel)
    return base


def coefficients(rows: Sequence[NetworkRow]) -> Roofline:
    """The roofline of a T4 with a newer runtime that suits the rows."""
    older = load_roofline("t4-trt7")
    start = replace(older, serial=True, stem_channels=STEM_CHANNELS)
    listed = [Row(row.family, row.network, row.latency_ms, row.ops) for row in rows]
    return fit_scales(listed, PRIORS, NOISE, restarts=1, start=start)


def npu_base(rows: Sequence[NetworkRow]) -> OperatorModel:
    """Prices of an NPU before calibration: one TMAC/s, 20 GB/s, a start for each operator.

    Matrix products count half by vectors and half by tiles; operators over all positions and
    products of two maps have a start of 1 ms, since such hardware leaves them to another unit.
    """
    found: dict[KernelKind, list[Op]] = {}
    for op in (op for row in rows for op in row.ops):
        found.setdefault(kernel_of(op), []).append(op)
    for op in (*operator_grid(1), DECODE):  # priced by kind, though no network has it
        found.setdefault(kernel_of(op), [op])
    kernels = {}
    for kind, ops in sorted(found.items(), key=lambda item: str(item[0])):
        start = 1000.0 if kind.family in ("matmul", "softmax", "global_pool") else 20.0
        us = [start, 0.05, 0.05, 0.1, 0.0, 0.0]
        terms = len(terms_of(ops[0]))
        if kind.family == "max_pool":
            us += [0.02, 0.0]
        elif terms == len(us) + 2:
            us += [0.01, 0.0]
        elif terms > len(us):
            us += [1.0, 1.0, 0.1, 0.0, 0.05]
        kernels[kind] = Kernel(tuple(us), range_of(ops))
    return OperatorModel(
        device=NPU,
        hardware="npu",
        precision="int8",
        kind="estimated",
        about="estimated: an NPU",
        kernels=kernels,
        command="maenas calibrate ROWS.csv",
    )


def errors(model: Roofline, rows: Sequence[NetworkRow]) -> Fit:
    """The errors of a fit of coefficients: on the rows, on each row and family left out."""
    fitted_errors = [off(model, row) for row in rows]
    alone = {row.network: off(coefficients([r for r in rows if r is not row]), row) for row in rows}
    families = {}
    for family in dict.fromkeys(row.family for row in rows):
        without = coefficients([row for row in rows if row.family != family])
        inside = {row.network: off(without, row) for row in rows if row.family == family}
        print(f"{family} left out: {', '.join(f'{n} {e:+.1f}' for n, e in inside.items())}")
        families[family] = round(float(np.mean(np.abs(list(inside.values())))), 2)
    return Fit(
        rows=len(rows),
        mean_error=round(float(np.mean(np.abs(fitted_errors))), 2),
        max_error=round(float(np.max(np.abs(fitted_errors))), 2),
        leave_one_out={name: round(error, 2) for name, error in alone.items()},
        families=families,
        created=datetime.now(UTC).date().isoformat(),
    )


def off(model: Roofline | OperatorModel, row: NetworkRow) -> float:
    """Signed error of a prediction in percent."""
    return 100 * (model.latency_ms(row.ops) / row.latency_ms - 1)


def pairs_report(name: str, rows: Sequence[NetworkRow]) -> str:
    """Errors on two families of which a model saw no network, for every pair of families.

    This is what a user meets whose networks resemble no row.
    """
    families = list(dict.fromkeys(row.family for row in rows))
    by_network: dict[str, list[float]] = {row.network: [] for row in rows}
    means, worst = [], []
    estimate = ESTIMATES[name]
    for pair in combinations(families, 2):
        others = [row for row in rows if row.family not in pair]
        if estimate.base is None:
            model: Roofline | OperatorModel = coefficients(others)
        else:
            model = calibrated(base_of(estimate, rows), others).model
        inside = {row.network: off(model, row) for row in rows if row.family in pair}
        for network, error in inside.items():
            by_network[network].append(error)
        sizes = np.abs(list(inside.values()))
        means.append(float(sizes.mean()))
        worst.append(float(sizes.max()))
        print(f"{' and '.join(pair)}: mean {means[-1]:.1f}%, worst {worst[-1]:.1f}%", flush=True)
    if not means:
        return f"{name}: one family, nothing to leave out"
    by_size = sorted(by_network.items(), key=lambda item: -abs(float(np.mean(item[1]))))
    hardest = ", ".join(f"{network} {np.mean(errors):+.1f}%" for network, errors in by_size[:6])
    return (
        f"{name}: {len(means)} pairs of families left out: mean error {np.mean(means):.2f}%, "
        f"worst pair {max(means):.2f}%; worst network {max(worst):.1f}%, in the median pair "
        f"{np.median(worst):.1f}%\nhardest: {hardest}"
    )


def report(
    name: str, model: Roofline | OperatorModel, rows: Sequence[NetworkRow], seconds: float
) -> str:
    """Text with the errors of an estimate."""
    assert model.fit is not None
    lines = [
        f"{row.network:<18} {row.latency_ms:9.2f} {model.latency_ms(row.ops):9.2f} ms fitted, "
        f"{model.fit.leave_one_out[row.network]:+6.1f}% left out"
        for row in rows
    ]
    lines.append(f"{name}: {model.fit.text} ({seconds:.0f} s)")
    if model.fit.multipliers:
        factors = ", ".join(f"{key} {value}" for key, value in model.fit.multipliers.items())
        lines.append(f"{name}: multipliers {factors}")
    elif isinstance(model, Roofline):
        values = (*COEFFICIENTS, *REFINEMENTS)
        lines.append(", ".join(f"{key} {getattr(model, key)}" for key in values))
    means = np.mean(list(model.fit.families.values())) if model.fit.families else np.nan
    lines.append(
        f"{name}: left out one by one {model.fit.held_out_mean:.2f}%, families left out "
        f"{means:.2f}% in the mean of {len(model.fit.families)} families"
    )
    return "\n".join(lines)


def save(name: str, model: Roofline | OperatorModel) -> None:
    """Write an estimate."""
    assert model.fit is not None
    path = FOLDER / f"{name}.yaml"
    receipt = (
        f"Estimated latency: {model.protocol}.\n"
        f"Written by python -m benchmarks.fit_devices {name} --write, from the rows of {name} in\n"
        f"benchmarks/device_rows.csv. Not measured by us. {model.fit.text}."
    )
    if isinstance(model, Roofline):
        origins = dict.fromkeys(PRIORS, "fitted") if not model.fit.multipliers else {}
        save_roofline(model, path, receipt, origins)
    else:
        OperatorFile.of(model).save(path, receipt)
    print(f"wrote {path}")


if __name__ == "__main__":
    run_main(main)
