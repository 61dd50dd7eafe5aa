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

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np

from benchmarks.entry import Parser, existing_folder, positive, run_main
from benchmarks.machine import RESULTS
from maenas.evidence.agreement import DRAWS, Networks, estimate
from maenas.evidence.features import depth_of, features_of
from maenas.evidence.table import bands_of, joined, read_table

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "explanation" / "evidence.md"
CHART = DOCS / "images" / "evidence.png"
TABLE = RESULTS / "evidence.csv"
COLUMNS = ("comparison", "feature", "networks", "value", "low", "high")
BEGIN, END = "<!-- table of bench_evidence -->", "<!-- end of the table -->"
SHOWN = (
    "max-entropy, weights 1 1 6",
    "max-entropy, last level",
    "max-entropy, equal weights",
    "log-entropy",
    "depth",
    "MACs",
    "params",
    "activations",
)  # features on the page


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
    parser = Parser(__doc__)
    parser.add_argument("folder", type=existing_folder, help="folder with the three tables")
    parser.add_argument(
        "--draws", type=positive, default=DRAWS, help="bootstrap draws per interval"
    )
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.name}")
    arguments = parser.parse_args()
    found = []
    for networks in comparisons(arguments.folder):
        shown = [name for name in SHOWN if name in networks.features]
        found += [evidence(networks, name, arguments.draws) for name in shown]
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
    found = []
    for name, file in (
        ("NAS-Bench-Macro", "nas_bench_macro.csv"),
        ("OFA MobileNetV3", "ofa_mobilenetv3.csv"),
    ):
        table = read_table(folder / file)
        features, depth, bands = features_of(table), depth_of(table), bands_of(table["macs"])
        assert depth is not None
        found.append(Networks(f"{name}, equal MACs", table["acc"], features, groups=bands))
        fixed = {key: values for key, values in features.items() if key != "depth"}
        both = joined(bands, depth.astype(np.int64))
        found.append(Networks(f"{name}, equal MACs and depth", table["acc"], fixed, groups=both))
    yolo = read_table(folder / "yolobench.csv")
    for label, column in (("VOC", "voc"), ("COCO", "coco")):
        known = np.isfinite(yolo[column])
        table = {key: values[known] for key, values in yolo.items()}
        features = features_of(table)
        for what, cost in (("equal MACs", "macs"), ("equal A40 latency", "a40_trt_latency")):
            name = f"YOLOBench {label}, {what}"
            found.append(Networks(name, table[column], features, cost=table[cost]))
    return found


def evidence(networks: Networks, feature: str, draws: int) -> Evidence:
    """Agreement of one feature with accuracy, and its bootstrap interval."""
    count = len(networks.accuracy)
    found = estimate(lambda chosen: networks.statistic(feature, chosen), count, draws)
    return Evidence(networks.name, feature, found.value, found.low, found.high, count)


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


def draw(found: Sequence[Evidence], path: Path, columns: int = 4) -> None:
    """Draw the agreement of each feature with accuracy, a panel for each comparison."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(each.comparison for each in found))
    features = list(dict.fromkeys(each.feature for each in found))
    rows = -(-len(names) // columns)
    size = (3.75 * columns, 3 * rows)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False
    )
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis in axes.flat[len(names) - columns : len(names)]:  # the lowest one of each column
        axis.tick_params(labelbottom=True)
    for axis, name in zip(axes.flat, names, strict=False):
        for each in (each for each in found if each.comparison == name):
            row = features.index(each.feature)
            colour = "tab:blue" if each.low > 0 else "tab:red" if each.high < 0 else "tab:gray"
            axis.plot([each.low, each.high], [row, row], color=colour, linewidth=2)
            axis.plot(each.value, row, "o", color=colour)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(fill(name, 36), fontsize=10)
        axis.set_yticks(range(len(features)), features)
        axis.grid(axis="x", alpha=0.3)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_xlim(-1, 1)
    figure.supxlabel("agreement with accuracy (1: same order, -1: opposite order)", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    run_main(main)
