"""What is a portfolio of optima worth after a few trainings? Public tables answer.

    python -m benchmarks.bench_portfolio FOLDER [--draws 2000] [--write]

FOLDER holds `nas_bench_macro.csv` and `ofa_mobilenetv3.csv`, see bench_evidence. In each band of
5 % of MACs, a choice of networks reaches a share of the attainable gain: (best accuracy among the
chosen - mean of the band) / (best of the band - mean of the band). Shares are averaged over bands
with 10 networks or more, weighted by their number. The portfolio is chosen by the functions of
`maenas search --portfolio 3`: the optimum of the published score, then the farthest optima of the
tilts of log-macs in ln params, ln activations and depth. Brackets hold 95 % of the values over
bands drawn with replacement; "paired" is the difference from the single optimum in the same bands.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.entry import Parser, existing_folder, positive, run_main
from benchmarks.machine import RESULTS
from maenas.backbone_search.portfolio.spread import spread_out
from maenas.budgets.arrays import Float64Array
from maenas.evidence.agreement import FEWEST, Estimate
from maenas.evidence.features import Columns, depth_of, features_of, log_macs_levels
from maenas.evidence.table import bands_of, read_table

TABLE = RESULTS / "portfolio.csv"
TABLES = (("NAS-Bench-Macro", "nas_bench_macro.csv"), ("OFA MobileNetV3", "ofa_mobilenetv3.csv"))
TILTS = (-1.0, 0.0, 1.0)  # those of the product, and the features too, were chosen on these tables
TRAININGS = 3
ASKED = "max-entropy, weights 1 1 6"

Indices = NDArray[np.int64]
Choice = Callable[[Indices], Indices]


@dataclass(frozen=True, slots=True)
class Shares:
    """Share of the attainable gain of one choice in each band, and the size of the bands."""

    values: Float64Array
    sizes: Float64Array

    def mean(self, chosen: Indices) -> float:
        """Mean over chosen bands, weighted by their size."""
        return float(np.average(self.values[chosen], weights=self.sizes[chosen]))


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("folder", type=existing_folder, help="folder with the two tables")
    parser.add_argument("--draws", type=positive, default=2000, help="bootstrap draws per interval")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    lines: list[dict[str, object]] = []
    for name, file in TABLES:
        found = shares_of(read_table(arguments.folder / file))
        single = found["single optimum"]
        for choice, shares in found.items():
            gain = interval(shares, None, arguments.draws)
            paired = interval(shares, single, arguments.draws)
            print(f"{name}, {choice}: {cell(gain)}, paired {cell(paired)}", flush=True)
            row: dict[str, object] = {"table": name, "choice": choice, "bands": len(shares.sizes)}
            for kind, each in (("share", gain), ("paired", paired)):
                row |= {
                    kind: f"{each.value:.4f}",
                    f"{kind}_low": f"{each.low:.4f}",
                    f"{kind}_high": f"{each.high:.4f}",
                }
            lines.append(row)
    if arguments.write:
        with TABLE.open("w", newline="", encoding="utf-8") as file_out:
            writer = csv.DictWriter(file_out, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)


def shares_of(table: Columns) -> dict[str, Shares]:
    """Shares of the attainable gain of every choice in one table."""
    features, levels = features_of(table), np.stack(log_macs_levels(table))
    tilts = [np.exp(t * np.arange(len(levels))) @ levels for t in TILTS]
    pool = np.stack([features[ASKED], *tilts])
    depth = depth_of(table)
    assert depth is not None
    space = np.column_stack([np.log(table["params"]), np.log(table["acts"]), depth])
    rng = np.random.default_rng(0)

    def optima(members: Indices) -> Indices:
        """The optimum of each score in a band."""
        found: Indices = members[np.argmax(pool[:, members], axis=1)]
        return found

    def portfolio(members: Indices) -> Indices:
        found = optima(members)
        return found[spread_out(space[found], TRAININGS)]

    choices: dict[str, Choice] = {
        "single optimum": lambda members: optima(members)[:1],
        "portfolio of 3": portfolio,
        "best 3 of one score": lambda members: members[
            np.argsort(-features[ASKED][members], kind="stable")[:TRAININGS]
        ],
        "3 random networks": lambda members: rng.choice(members, TRAININGS, replace=False),
    }
    return {
        name: in_bands(table["acc"], bands_of(table["macs"]), choose)
        for name, choose in choices.items()
    }


def in_bands(accuracy: Float64Array, bands: Indices, choose: Choice) -> Shares:
    """Share of the attainable gain in each band that has a gain."""
    values, sizes = [], []
    for band in np.unique(bands):
        members = np.flatnonzero(bands == band)
        best, mean = accuracy[members].max(), accuracy[members].mean()
        if len(members) >= FEWEST and best > mean:
            values.append((accuracy[choose(members)].max() - mean) / (best - mean))
            sizes.append(len(members))
    return Shares(np.array(values), np.array(sizes, dtype=np.float64))


def interval(shares: Shares, beside: Shares | None, draws: int) -> Estimate:
    """Mean share with its interval; with `beside`, the mean difference in the same bands."""
    count = len(shares.sizes)

    def value(chosen: Indices) -> float:
        return shares.mean(chosen) - (0.0 if beside is None else beside.mean(chosen))

    rng = np.random.default_rng(0)
    drawn = [value(rng.integers(0, count, count)) for _ in range(draws)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(value(np.arange(count)), float(low), float(high))


def cell(found: Estimate) -> str:
    """An estimate, such as `+0.78 [+0.70, +0.85]`."""
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


if __name__ == "__main__":
    run_main(main)
