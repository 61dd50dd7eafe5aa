"""Calibrate the bundled `intel-8163` estimate: `python -m benchmarks.calibrate_intel TABLE`.

TABLE is a latency table of one thread of a CPU with AVX-512, in f32
(`maenas profile --device cpu --threads 1 --out TABLE`). Its prices, one for each operator, are
taken for the work; two numbers are calibrated on the published latencies of the nano models: how
much faster the other CPU with all its cores does that work, and what each operator costs on top
for its threads to meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from benchmarks.entry import Parser, existing_file, run_main
from maenas.blocks import Op
from maenas.budgets.pricing.fit import Fit
from maenas.budgets.pricing.operator_file import OperatorFile
from maenas.budgets.pricing.operator_model import Kernel, OperatorModel
from maenas.budgets.pricing.table import load_table
from maenas.latency.networks import published_detector

# DAMO-YOLO report: OpenVINO, f32, batch size 1, raw outputs without decoding; milliseconds.
PUBLISHED = {"Ns": 4.08, "Nm": 5.05, "Nl": 6.69}
FILE = Path("budgets/devices/intel-8163.yaml")


def rows(model: OperatorModel) -> tuple[np.ndarray, np.ndarray]:
    """(operators, milliseconds on one thread) of each published network, and its latency."""
    networks = []
    for name in PUBLISHED:
        ops = [op for op in published_detector(name.lower()).ops() if op.kind != "decode"]
        networks.append((len(ops), model.latency_ms(ops)))
    return np.array(networks, float), np.array(list(PUBLISHED.values()))


def calibrated(networks: np.ndarray, latency: np.ndarray) -> np.ndarray:
    """Fit milliseconds per operator, and milliseconds per millisecond on one thread."""
    solution, _ = nnls(networks / latency[:, None], np.ones(len(latency)))
    return np.asarray(solution)


def scaled(kernel: Kernel, overhead_us: float, share: float) -> Kernel:
    """The kernel on the other CPU: the first term counts operators."""
    first, *others = (share * us for us in kernel.us)
    return Kernel((first + overhead_us, *others), kernel.sizes)


def errors(predicted: np.ndarray, latency: np.ndarray) -> dict[str, float]:
    """Error of each network, in percent."""
    percent = np.round(100 * (predicted / latency - 1), 1)
    return dict(zip(PUBLISHED, percent.tolist(), strict=True))


def listed(percent: dict[str, float]) -> str:
    """The errors as text."""
    return ", ".join(f"{name} {error:+.1f}%" for name, error in percent.items())


def fit_of(fitted: dict[str, float], held_out: dict[str, float]) -> Fit:
    """The errors as the file holds them."""
    absolute = [abs(error) for error in fitted.values()]
    return Fit(
        rows=len(fitted),
        mean_error=round(float(np.mean(absolute)), 2),
        max_error=max(absolute),
        leave_one_out=held_out,
        families={},
        created=datetime.now(UTC).date().isoformat(),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the fit and its leave-one-out errors; write the file."""
    parser = Parser(__doc__)
    parser.add_argument("table", type=existing_file, help="latency table of one thread")
    parser.add_argument("--write", action="store_true", help=f"write {FILE}")
    chosen = parser.parse_args(arguments)
    table = load_table(chosen.table)
    model = table.model()
    networks, latency = rows(model)
    overhead, share = calibrated(networks, latency)
    left_out = np.array(
        [
            networks[i] @ calibrated(np.delete(networks, i, 0), np.delete(latency, i))
            for i in range(len(latency))
        ]
    )
    fitted = errors(networks @ (overhead, share), latency)
    held_out = errors(left_out, latency)
    print(f"{1e3 * overhead:.1f} us an operator, {1 / share:.1f} times the speed of one thread")
    print(f"fitted {listed(fitted)}; left out of the calibration {listed(held_out)}")
    error = f"left out of the calibration: {listed(held_out)}; fitted: {listed(fitted)}"
    file = OperatorFile(
        device="intel-8163",
        hardware="cpu",
        precision="f32",
        source="two numbers calibrated on the DAMO-YOLO report's Ns, Nm, Nl (OpenVINO, Intel 8163)"
        " over operators measured on another CPU with AVX-512",
        error=error,
        fit=fit_of(fitted, held_out),
        kernels={
            name: scaled(kernel, 1e3 * overhead, share) for name, kernel in model.kernels.items()
        },
    )
    check = file.model()
    for name, ms in zip(PUBLISHED, networks @ (overhead, share), strict=True):
        ops: list[Op] = list(published_detector(name.lower()).ops())
        print(f"{name}: {ms:.3f} ms without decoding, {check.latency_ms(ops):.3f} with it")
    if chosen.write:
        file.save(
            FILE,
            "Estimated latency of an Intel 8163: OpenVINO f32, batch 1, whole network, no NMS.\n"
            f"Written by benchmarks/calibrate_intel.py over a table {table.about}.\n"
            f"{1e3 * overhead:.1f} us an operator and 1/{1 / share:.1f} of that table's time.\n"
            f"Not measured on that CPU by us. {error}.",
        )


if __name__ == "__main__":
    run_main(main)
