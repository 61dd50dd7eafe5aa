"""Tables of trained networks: read, checked, written, and split into comparable networks."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maenas.blocks import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.plain_file import MIB, read_text
from maenas.blocks.files.words import did_you_mean
from maenas.budgets.arrays import Float64Array
from maenas.evidence.agreement import FEWEST, Networks
from maenas.evidence.features import Columns, depth_of, features_of

LOG = logging.getLogger(__name__)
TABLE_FILE, TRAININGS_FILE = "networks.csv", "trainings.csv"  # in the folder of a run
LATENCY, MACS = "latency_ms", "macs"
LARGEST = 64 * MIB
BAND = 0.05  # relative width of a band of equal cost
IN_BANDS = 0.5  # share of the networks that must lie in bands of FEWEST or more


def read_table(path: Path) -> dict[str, Float64Array]:
    """The numeric columns of a CSV file; NaN where a value is missing.

    Raises:
        SpecError: if it cannot be read, or holds fewer than two networks.
    """
    text = read_text(path, limit=LARGEST)
    with parsing(path, hint="a table of trained networks is a CSV file with one row each"):
        rows = list(csv.DictReader(StringIO(text), strict=True))
    if len(rows) < 2:
        raise SpecError(f"{path}: must list at least 2 trained networks, got {len(rows)}.")
    found = {}
    for key in rows[0]:
        if key is None:
            raise SpecError(f"{path}: row 2 has more values than the header has columns.")
        try:
            found[key] = np.array([float(row[key] or "nan") for row in rows])
        except ValueError:
            continue  # a column of names
    return found


def column_of(table: Columns, name: str, path: Path) -> Float64Array:
    """A column of a table.

    Raises:
        SpecError: if the table does not have it.
    """
    if name not in table:
        raise SpecError(
            f"{path}: has no column of numbers {name!r}{did_you_mean(name, [*table])}; the columns "
            "are accuracy, cost, and for each level u, n, m and C."
        )
    return table[name]


def comparisons_of(path: Path, accuracy: str = "acc", cost: str | None = None) -> list[Networks]:
    """The comparisons that a table allows: networks of equal cost, and of equal depth as well.

    Bands of 5 % of the cost are compared where at least half of the networks lie in bands of 10 or
    more; in smaller tables, pairs whose cost differs by at most 15 %. `of_equal_depth` says which
    networks of a band have equal depth.

    Args:
        path: table of trained networks.
        accuracy: column with the accuracy.
        cost: column with the cost; None for that of `cost_of`.
    Raises:
        SpecError: if a column is missing, or nothing can be compared.
    """
    table, cost = trained_rows(path, accuracy, cost)
    features = features_of(table)
    if not features:
        raise SpecError(f"{path}: has no columns of features, such as macs, params, u1 or n1.")
    bands, label = groups_of(table[cost]), f"equal {cost}"
    if share_in_groups(bands) < IN_BANDS:
        return [Networks(label, table[accuracy], features, cost=table[cost])]
    found = Networks(label, table[accuracy], features, groups=bands)
    depth = depth_of(table)
    return [found] if depth is None else [found, *of_equal_depth(found, depth)]


def of_equal_depth(networks: Networks, depth: Float64Array) -> list[Networks]:
    """The comparison of networks of equal depth inside the groups of another one, if there is one.

    Groups of one depth are compared where they hold most of the networks, or where cost differs
    from group to group. Otherwise, in one group of equal cost, pairs whose depth differs by at most
    15 %: a few dozen networks seldom hold ten of one depth. There is none if all depths are equal.

    Args:
        networks: networks compared in groups of equal cost.
        depth: (n,), layers of each network.
    """
    groups = networks.groups
    assert groups is not None
    if not np.ptp(depth):
        return []
    fixed = {name: values for name, values in networks.features.items() if name != "depth"}
    both = joined(groups, depth.astype(np.int64))
    share, has_one_cost = share_in_groups(both), not np.ptp(groups)
    if share > IN_BANDS or (share and not has_one_cost):
        return [Networks(f"{networks.name} and depth", networks.accuracy, fixed, groups=both)]
    if has_one_cost:
        name = f"{networks.name} and nearly equal depth"
        return [Networks(name, networks.accuracy, fixed, cost=depth)]
    return []


def cost_of(table: Columns) -> str:
    """The column with the cost: the latency where `maenas judge` drew by it, otherwise MACs."""
    return LATENCY if LATENCY in table else MACS


def trained_rows(
    path: Path, accuracy: str, cost: str | None
) -> tuple[dict[str, Float64Array], str]:
    """The columns of a table, with the networks alone whose accuracy and cost are known.

    With it comes the name of the column with the cost: that of `cost_of` if None is given. A
    warning says how many networks are left out.

    Raises:
        SpecError: if a column is missing, fewer than two networks are left, or all of them have
            one accuracy.
    """
    table = read_table(path)
    cost = cost or cost_of(table)
    reached, spent = column_of(table, accuracy, path), column_of(table, cost, path)
    known = np.isfinite(reached) & np.isfinite(spent) & (spent > 0)
    if known.sum() < 2:
        raise SpecError(
            f"{path}: at least 2 networks need a finite {accuracy!r} and a positive {cost!r}, got "
            f"{known.sum()}."
        )
    if not np.ptp(reached[known]):
        raise SpecError(
            f"{path}: {accuracy!r} must differ between networks, got {reached[known][0]:g} for all."
        )
    if not known.all():
        LOG.warning(
            f"{path}: {(~known).sum()} of {len(known)} networks are left out: their "
            f"{accuracy!r} is no finite number, or their {cost!r} is not above 0"
        )
    return {key: values[known] for key, values in table.items()}, cost


def bands_of(cost: Float64Array) -> NDArray[np.int64]:
    """(n,), the band of equal cost of each network."""
    bands: NDArray[np.int64] = np.floor(np.log(cost) / np.log(1 + BAND)).astype(np.int64)
    return bands


def groups_of(cost: Float64Array) -> NDArray[np.int64]:
    """(n,), the group of equal cost of each network: one if all lie within twice a band."""
    if cost.max() <= (1 + 2 * BAND) * cost.min():
        return np.zeros(len(cost), dtype=np.int64)
    return bands_of(cost)


def joined(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,), groups of networks that agree in both."""
    both = np.unique(np.stack([first, second]), axis=1, return_inverse=True)[1]
    return np.asarray(both, dtype=np.int64).ravel()


def share_in_groups(groups: NDArray[np.int64]) -> float:
    """Share of the networks whose group holds `FEWEST` or more."""
    sizes = np.unique(groups, return_counts=True)[1]
    return float(sizes[sizes >= FEWEST].sum() / max(1, len(groups)))


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as CSV; a row without a column leaves its cell empty."""
    text = StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
