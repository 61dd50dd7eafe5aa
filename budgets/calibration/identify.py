"""Which multipliers some rows can determine, and which rows to add for the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maenas.blocks.errors import MaenasError
from maenas.budgets.arrays import Float64Array
from maenas.budgets.calibration.fitting import NOISE, SEVERAL, Data, NetworkRow
from maenas.budgets.calibration.shares import Base, multipliers_of

LEAST = 3  # rows of a calibration: one fewer leaves a single network to fit when one is left out
FASTER, SLOWER = 50.0, 500.0  # most times that a device is faster or slower than the base
RANGE = 1.5  # least ratio of the largest to the smallest latency in the rows
KNOWN = 0.9  # share of the prior's deviation that may remain of a multiplier that was requested
# Networks that tell a multiplier from the others.
HELPFUL = {
    "tensor": "a large network with wide 3x3 convolutions",
    "launch": "a small network with many layers, such as the smallest of a family",
    "memory": "a network with large feature maps and few channels, or a larger input size",
    "compute": "a large network with wide 3x3 convolutions",
    "depthwise": "a network of depthwise convolutions",
    "attention": "a network with attention",
    "activations": "a network with ReLU beside those with SiLU",
    "operators": "a small network with many layers",
    "weights": "a network with many params at a small input size",
}


class CalibrationError(MaenasError):
    """Rows cannot determine what is calibrated on them."""


def check_rows(base: Base, rows: Sequence[NetworkRow], several: bool | None) -> None:
    """Refuse rows that cannot determine the multipliers.

    Args:
        base: model to adapt.
        rows: networks with their latency.
        several: whether each part gets its own multiplier; None if that is decided later.
    Raises:
        CalibrationError: if there are too few rows, if all networks are of one size, or if a
            multiplier that was requested stays unknown.
    """
    if len(rows) < LEAST:
        raise CalibrationError(
            f"a calibration needs at least {LEAST} networks, got {len(rows)}; add rows of networks "
            "of other sizes, the smallest and the largest of a family first."
        )
    data = Data.of(base, rows)
    sizes = np.array([share.unit_ms for share in data.shares])
    if sizes.max() < RANGE * sizes.min():
        raise CalibrationError(
            f"all networks are of nearly one size ({data.measured.min():.3g} to "
            f"{data.measured.max():.3g} ms), so no row tells arithmetic from overhead; add "
            f"{HELPFUL['launch']}, or {HELPFUL['tensor']}."
        )
    _check_unit(base, data, rows)
    if several:
        _check_each(base, data)


def _check_unit(base: Base, data: Data, rows: Sequence[NetworkRow]) -> None:
    """Refuse latencies that are so far from those of the base that their unit must be another."""
    times = float(np.median(data.measured / [share.unit_ms for share in data.shares]))
    if 1 / FASTER <= times <= SLOWER:
        return
    row, share = rows[0], data.shares[0]
    far = f"{times:.0f} times" if times > 1 else f"1/{1 / times:.0f} of"
    raise CalibrationError(
        f"the rows take {far} the latency on {base.device}, the base, such as {row.latency_ms:g} "
        f"for {row.network}, which takes {share.unit_ms:.3g} ms there; give latency_ms in "
        "milliseconds, or name a base near the device with --base."
    )


def _check_each(base: Base, data: Data) -> None:
    left = remaining(data)
    worst = int(np.argmax(left))
    if left[worst] > KNOWN:
        name = multipliers_of(base)[worst]
        shares = 100 * np.array([share.fractions[worst] for share in data.shares])
        raise CalibrationError(
            f"the rows cannot identify the multiplier {name!r}: its share of the time is "
            f"{shares.min():.0f} to {shares.max():.0f} % in every network; add {HELPFUL[name]}, "
            "or calibrate with --multipliers 1."
        )


def why_one(base: Base, rows: Sequence[NetworkRow]) -> str:
    """Say why all parts of a model share one multiplier, and which rows would tell them apart.

    Args:
        base: model that was adapted.
        rows: networks that it was adapted to.
    """
    if len(rows) < SEVERAL:
        reason = f"{SEVERAL} rows at least tell parts apart, got {len(rows)}"
    else:
        reason = "several multipliers predict networks that are left out no better"
    left = remaining(Data.of(base, rows))
    names = [name for name, share in zip(multipliers_of(base), left, strict=True) if share > KNOWN]
    advice = f"; to tell {names[0]} apart, add {HELPFUL[names[0]]}" if names else ""
    return f"one multiplier for all parts, as {reason}{advice}"


def remaining(data: Data) -> Float64Array:
    """Return what remains of each multiplier's uncertainty, as a share of the prior's.

    The rows are linearised at the base model, with the common factor free.
    """
    shares = np.array([share.fractions for share in data.shares])  # of log latency by log factor
    slopes = np.concatenate([np.ones((len(shares), 1)), shares * data.spreads], axis=1) / NOISE
    prior = np.diag([0.0, *np.ones(len(data.spreads))])
    covariance = np.linalg.inv(slopes.T @ slopes + prior)
    found: Float64Array = np.sqrt(np.diag(covariance)[1:])
    return found
