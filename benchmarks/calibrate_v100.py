"""How does the speed of a convolution change with its shape? Fitted to a V100, for the T4 model.

    python -m benchmarks.calibrate_v100 ROWS

What a T4 costs is only known for whole detectors, far too few to tell the shape of a kernel's
efficiency from. So that shape comes from single convolutions measured on a V100, whose tensor
cores do as much per multiprocessor and cycle. The rows are those of
lightweight-neural-architecture-search (Apache-2.0), which has them with its code; one a line,
`{type,batch,c_in,h,w,c_out,k,stride,elmt} milliseconds`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from benchmarks.calibrate_t4 import V100, Vector, starting_model, with_values
from benchmarks.entry import Parser, existing_file, run_main
from maenas.blocks import Op, SpecError
from maenas.blocks.op import conv
from maenas.budgets.pricing.roofline import Roofline

DENSE = ("tensor_tmacs", "operand_macs", "fill_terms", "step_ns", "bandwidth_gbs", "conv_us")
DEPTHWISE = ("depthwise_tmacs", "depthwise_gbs", "pointwise_us")
ROW = re.compile(r"\{(\w+),([-\d,]+)\}\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Measured:
    """A single convolution and its measured time."""

    op: Op
    us: float


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("rows", type=existing_file, help="the measured convolutions")
    found = fit_v100(read_v100(parser.parse_args().rows))
    print("V100 = " + repr(found))


def read_v100(path: Path) -> list[Measured]:
    """Read convolutions of the sizes that detectors use, every third one to save time.

    They take less than 2 ms and have 16 to 1536 channels, feature maps of 12 to 366 pixels a side
    and kernels up to 3, or 3 and 5 if depthwise. Rows with -1, a failed measurement, are skipped.
    """
    measured = []
    for line in path.read_text("utf-8").splitlines():
        match = ROW.match(line)
        if match is None:
            raise SpecError(f"{path}: not a row: {line!r}.")
        _, c_in, height, width, c_out, kernel, stride, elmt = map(int, match[2].split(","))
        ms, depthwise = float(match[3]), match[1] == "Depthwise"
        usual = 12 <= height <= 366 and 16 <= c_in <= 1536 and c_out <= 1536
        if 0 < ms < 2 and usual and (kernel in (3, 5) if depthwise else kernel <= 3):
            groups = c_in if depthwise else 1
            op = conv((c_in, height, width), c_out, kernel, stride, groups, adds=elmt == 1)
            measured.append(Measured(op, 1e3 * ms))
    return measured[::3]


def fit_v100(rows: Sequence[Measured]) -> dict[str, float]:
    """Fit the coefficients of a V100: dense convolutions first, then depthwise ones."""
    dense = [row for row in rows if row.op.groups == 1]
    depthwise = [row for row in rows if row.op.groups > 1]
    known: dict[str, Any] = dict(V100)
    model = replace(starting_model(V100), **known)
    model = fit_convs(dense, model, DENSE)
    model = fit_convs(depthwise, model, DEPTHWISE)
    return {name: getattr(model, name) for name in V100}


def fit_convs(rows: Sequence[Measured], model: Roofline, names: Sequence[str]) -> Roofline:
    """Fit the named coefficients of `model` to single convolutions.

    The loss is robust to outliers in the relative error: TensorRT sometimes chose a slow kernel.
    """
    measured = np.log([row.us for row in rows])

    def residuals(x: Vector) -> Vector:
        fitted = with_values(model, names, x)
        predicted = np.array([1e3 * fitted.op_ms(row.op) for row in rows])
        return np.asarray(np.log(predicted) - measured)

    x = np.log([getattr(model, name) for name in names])
    found = least_squares(residuals, x, loss="soft_l1", f_scale=0.1)
    median = float(np.median(np.abs(found.fun)))
    print(f"{len(rows)} convolutions, median error {median:.1%}")
    return with_values(model, names, found.x, digits=3)


if __name__ == "__main__":
    run_main(main)
