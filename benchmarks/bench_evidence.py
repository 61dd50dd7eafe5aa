"""Does a higher score mean a more accurate network of equal cost? Public tables answer.

    python -m benchmarks.bench_evidence FOLDER [--draws 400] [--write]

FOLDER holds three tables of trained networks, with features computed by tracing each network:
`nas_bench_macro.csv` (github.com/xiusu/NAS-Bench-Macro), `ofa_mobilenetv3.csv` (github.com/
IntelLabs/DyNAS-T) and `yolobench.csv` (github.com/Deeplite/deeplite-torch-zoo, arXiv 2307.13901).

The first two are large: Spearman's rank correlation inside bands of 5 % of MACs, or of equal MACs
and equal depth, averaged with the number of networks in a band as weight. YOLOBench is small: the
concordance of pairs whose cost differs by at most 15 % (pairs in the same order minus pairs in
opposite order, over all). Brackets hold 95 % of the values over networks drawn with replacement.
`--write` renews the table of docs/explanation/evidence.md and its chart.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.machine import RESULTS, read_csv
from maenas.budgets.arrays import Float64Array

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "explanation" / "evidence.md"
CHART = DOCS / "images" / "evidence.png"
TABLE = RESULTS / "evidence.csv"
COLUMNS = ("comparison", "feature", "networks", "value", "low", "high")
BEGIN, END = "<!-- table of bench_evidence -->", "<!-- end of the table -->"
BAND = 0.05  # relative width of a band of equal MACs
NEARLY = 0.15  # relative difference of cost up to which a pair of detectors is compared
FEWEST = 10  # networks that a band must hold to be counted
PUBLISHED = (1.0, 1.0, 6.0)  # weights of the three coarsest levels in the product and the paper


@dataclass(frozen=True, slots=True)
class Networks:
    """Trained networks of one table with their features.

    Attributes:
        name: name of the comparison, shown in the table.
        accuracy: (n,), accuracy or AP of each network.
        features: (n,) values of each feature by name.
        groups: (n,), group of comparable networks; None if pairs are compared.
        cost: (n,), cost by which pairs are comparable; None if groups are compared.
    """

    name: str
    accuracy: Float64Array
    features: Mapping[str, Float64Array]
    groups: NDArray[np.int64] | None = None
    cost: Float64Array | None = None

    def statistic(self, feature: str, chosen: NDArray[np.int64]) -> float:
        """Agreement of a feature with accuracy among chosen networks, in -1..1."""
        values, accuracy = self.features[feature][chosen], self.accuracy[chosen]
        if self.groups is not None:
            return mean_spearman(values, accuracy, self.groups[chosen])
        assert self.cost is not None
        return concordance(values, accuracy, self.cost[chosen])


@dataclass(frozen=True, slots=True)
class Evidence:
    """Agreement of one feature with accuracy in one comparison.

    Attributes:
        comparison: name of the comparison.
        feature: name of the feature.
        value: agreement, in -1..1.
        low: lower end of its 95 % interval.
        high: upper end of its 95 % interval.
        networks: number of networks compared.
    """

    comparison: str
    feature: str
    value: float
    low: float
    high: float
    networks: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder with the three tables")
    parser.add_argument("--draws", type=int, default=400, help="bootstrap draws per interval")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.name}")
    arguments = parser.parse_args()
    found = []
    for networks in comparisons(arguments.folder):
        found += [evidence(networks, name, arguments.draws) for name in networks.features]
        print(f"{networks.name}: {len(networks.accuracy):,} networks", flush=True)
    text = as_markdown(found)
    print(text)
    if arguments.write:
        with TABLE.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(row_of(each) for each in found)
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
        draw(found, CHART)


def comparisons(folder: Path) -> list[Networks]:
    """All comparisons of the three tables."""
    macro = columns(folder / "nas_bench_macro.csv")
    mobile = columns(folder / "ofa_mobilenetv3.csv")
    yolo = columns(folder / "yolobench.csv")
    found = []
    for name, table, first in (("NAS-Bench-Macro", macro, 0), ("OFA MobileNetV3", mobile, 1)):
        levels = range(first, first + sum(f"u{level}" in table for level in range(6)))
        entropy = [table[f"u{level}"] for level in levels]
        layers = [table[f"n{level}"] for level in levels]
        depth, features = np.sum(layers, axis=0), features_of(table, entropy, layers)
        bands = np.floor(np.log(table["macs"]) / np.log(1 + BAND)).astype(np.int64)
        both = np.unique(np.stack([bands, depth.astype(np.int64)]), axis=1, return_inverse=True)[1]
        found.append(Networks(f"{name}, equal MACs", table["acc"], features, groups=bands))
        fixed = {key: values for key, values in features.items() if key != "depth"}
        found.append(
            Networks(f"{name}, equal MACs and depth", table["acc"], fixed, groups=both.ravel())
        )
    for label, column in (("VOC", "voc"), ("COCO", "coco")):
        known = np.flatnonzero(np.isfinite(yolo[column]))
        table = {key: values[known] for key, values in yolo.items()}
        features = detector_features(table)
        for what, cost in (("equal MACs", "macs"), ("equal A40 latency", "a40_trt_latency")):
            name = f"YOLOBench {label}, {what}"
            found.append(Networks(name, table[column], features, cost=table[cost]))
    return found


def features_of(
    table: Mapping[str, Float64Array],
    entropy: Sequence[Float64Array],
    layers: Sequence[Float64Array],
) -> dict[str, Float64Array]:
    """Features of classifiers; widths of a level are the same in all networks of these tables."""
    return {
        "max-entropy, weights 1 1 6": weighted(entropy, PUBLISHED),
        "max-entropy, last level": weighted(entropy, (1.0,)),
        "max-entropy, equal weights": weighted(entropy, (1.0,) * len(entropy)),
        "log-entropy": np.sum(np.log(entropy), axis=0),
        "depth": np.sum(layers, axis=0),
        "MACs": table["macs"],
        "params": table["params"],
        "activations": table["acts"],
    }


def detector_features(table: Mapping[str, Float64Array]) -> dict[str, Float64Array]:
    """Features of the backbones of YOLOBench, whose column L holds entropy up to a level."""
    total = np.stack([table[f"L{level}"] for level in range(1, 6)])
    own = np.diff(total, axis=0, prepend=0.0)
    widths = np.stack([table[f"C{level}"] for level in range(1, 6)])
    return {
        "max-entropy, weights 1 1 6": table["me_00116"],
        "max-entropy, last level": table["me_00001"],
        "max-entropy, equal weights": table["me_11111"],
        "log-entropy": np.sum(np.log(own) + np.log(widths), axis=0),
        "depth": table["depth"],
        "MACs": table["macs"],
        "params": table["params"],
    }


def weighted(entropy: Sequence[Float64Array], weights: Sequence[float]) -> Float64Array:
    """Sum over the coarsest levels of weight times the entropy gained up to that level."""
    total = np.cumsum(entropy, axis=0)[-len(weights) :]
    return np.asarray(np.tensordot(weights, total, axes=1), dtype=np.float64)


def mean_spearman(values: Float64Array, accuracy: Float64Array, groups: NDArray[np.int64]) -> float:
    """Mean of Spearman's rank correlation inside groups, weighted by their sizes.

    Groups with fewer than `FEWEST` networks, or without a difference in `values`, do not count.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order])) + 1
    total, count = 0.0, 0
    for members in np.split(order, starts):
        if len(members) < FEWEST:
            continue
        ours, theirs = rankdata(values[members]), rankdata(accuracy[members])
        if ours.std() and theirs.std():
            total += len(members) * float(np.corrcoef(ours, theirs)[0, 1])
            count += len(members)
    return total / count if count else float("nan")


def concordance(values: Float64Array, accuracy: Float64Array, cost: Float64Array) -> float:
    """Share of comparable pairs in the same order minus the share in opposite order."""
    near = np.abs(np.log(cost)[:, None] - np.log(cost)) <= np.log1p(NEARLY)
    pairs = near & (accuracy[:, None] > accuracy)
    agreement = np.sign(values[:, None] - values)[pairs]
    return float(agreement.mean()) if agreement.size else float("nan")


def evidence(networks: Networks, feature: str, draws: int) -> Evidence:
    """Agreement of a feature with accuracy, and its bootstrap interval."""
    count = len(networks.accuracy)
    rng = np.random.default_rng(0)
    value = networks.statistic(feature, np.arange(count))
    drawn = [networks.statistic(feature, rng.integers(0, count, count)) for _ in range(draws)]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Evidence(networks.name, feature, value, float(low), float(high), count)


def columns(path: Path) -> dict[str, Float64Array]:
    """The numeric columns of a table; NaN where a value is missing."""
    rows = read_csv(path)
    found = {}
    for key in rows[0]:
        try:
            found[key] = np.array([float(row[key] or "nan") for row in rows])
        except ValueError:
            continue  # a name
    return found


def row_of(each: Evidence) -> dict[str, object]:
    """A row of the table of results."""
    return {
        "comparison": each.comparison,
        "feature": each.feature,
        "networks": each.networks,
        **{name: f"{getattr(each, name):.6f}" for name in ("value", "low", "high")},
    }


def as_markdown(found: Sequence[Evidence]) -> str:
    """The table of the page: a comparison a row, a feature a column."""
    features = list(dict.fromkeys(each.feature for each in found))
    lines = ["| networks compared | " + " | ".join(features) + " |"]
    lines.append("|---" * (1 + len(features)) + "|")
    for name in dict.fromkeys(each.comparison for each in found):
        cells = {each.feature: each for each in found if each.comparison == name}
        shown = [cell(cells.get(feature)) for feature in features]
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def cell(each: Evidence | None) -> str:
    """One cell, such as `+.42 [.39, .44]`."""
    if each is None:
        return ""
    return f"{each.value:+.2f} [{each.low:+.2f}, {each.high:+.2f}]"


def draw(found: Sequence[Evidence], path: Path) -> None:
    """Draw the agreement of each feature with accuracy, a panel for each comparison."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(each.comparison for each in found))
    features = list(dict.fromkeys(each.feature for each in found))
    figure, axes = plt.subplots(2, 4, figsize=(15, 6), sharex=True, sharey=True)
    for axis, name in zip(axes.flat, names, strict=True):
        for each in (each for each in found if each.comparison == name):
            row = features.index(each.feature)
            colour = "tab:blue" if each.low > 0 else "tab:red" if each.high < 0 else "tab:gray"
            axis.plot([each.low, each.high], [row, row], color=colour, linewidth=2)
            axis.plot(each.value, row, "o", color=colour)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(name, fontsize=10)
        axis.set_yticks(range(len(features)), features)
        axis.grid(axis="x", alpha=0.3)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_xlim(-1, 1)
    figure.supxlabel("agreement with accuracy (1: same order, -1: opposite order)", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
