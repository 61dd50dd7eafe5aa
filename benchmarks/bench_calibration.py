"""How good is a calibration from five rows? Random draws of the T4's rows with TensorRT 10.

    python -m benchmarks.bench_calibration [BASE ...]

Each draw adapts BASE to a few networks and predicts all others; by default `t4-trt7` and `t4-trt8`,
which were fitted to rows of older versions. `t4` was fitted to these rows: its figures are no test.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.device_rows import device_rows
from maenas.budgets.calibration.fitting import SEVERAL, Data
from maenas.budgets.device import load_bundled
from maenas.budgets.pricing.roofline import Roofline

BASES = ("t4-trt7", "t4-trt8")
DRAWS = 20
SIZES = (3, 5, 8)  # rows of a calibration


def main() -> None:
    for name in sys.argv[1:] or BASES:
        base = load_bundled(name)
        assert isinstance(base, Roofline)
        data = Data.of(base, device_rows("t4"))
        for size in SIZES:
            errors = draws(data, size)
            print(
                f"{size} rows, {DRAWS} draws from {name}: mean error {np.mean(errors):.2f}% on the "
                f"other networks, worst draw {np.max(errors):.2f}%"
            )


def draws(data: Data, size: int) -> list[float]:
    """Mean absolute error on the rows that were not drawn, in percent, for each draw."""
    random, count = np.random.default_rng(0), len(data.shares)
    found = []
    for _ in range(DRAWS):
        out = np.full(count, True)
        out[random.choice(count, size, replace=False)] = False
        found.append(float(np.mean(np.abs(data.without(out, several=size >= SEVERAL)))))
    return found


if __name__ == "__main__":
    main()
