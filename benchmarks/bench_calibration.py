"""How good is a calibration from five rows? Random draws of the T4's rows with TensorRT 10.

    python -m benchmarks.bench_calibration [BASE ...]

Each draw adapts BASE to a few networks and predicts all others; by default `t4-trt7` and `t4-trt8`,
which were fitted to rows of older versions. `t4` was fitted to these rows: its figures are no test.
"""

from __future__ import annotations

from argparse import ArgumentTypeError

import numpy as np

from benchmarks.device_rows import device_rows
from benchmarks.entry import Parser, run_main
from maenas.budgets.calibration.fitting import SEVERAL, Data
from maenas.budgets.device import load_bundled
from maenas.budgets.pricing.roofline import Roofline

BASES = ("t4-trt7", "t4-trt8")
DRAWS = 20
SIZES = (3, 5, 8)  # rows of a calibration


def main() -> None:
    parser = Parser(__doc__)
    help_text = f"estimates ({', '.join(BASES)})"
    parser.add_argument("bases", nargs="*", type=roofline, metavar="BASE", help=help_text)
    for base in parser.parse_args().bases or map(roofline, BASES):
        data = Data.of(base, device_rows("t4"))
        for size in SIZES:
            errors = draws(data, size)
            print(
                f"{size} rows, {DRAWS} draws from {base.device}: mean error "
                f"{np.mean(errors):.2f}% on the other networks, worst draw {np.max(errors):.2f}%"
            )


def roofline(name: str) -> Roofline:
    """The bundled estimate of a name, which must be one of a GPU."""
    base = load_bundled(name)
    if not isinstance(base, Roofline):
        raise ArgumentTypeError(f"{name}: must be the estimate of a GPU, such as {BASES[0]}")
    return base


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
    run_main(main)
