"""How many trained networks does the tilt of a score need? Public tables answer.

    python -m benchmarks.bench_calibrate_score FOLDER [--draws 20] [--write]

FOLDER holds `nas_bench_macro.csv` and `ofa_mobilenetv3.csv`, see bench_evidence. In each band of
5 % of MACs with 40 networks or more, K networks are drawn, the tilt of log-macs is fitted to them
as by `maenas calibrate-score`, and Spearman's rank correlation with accuracy is computed on the
other networks of the band: with the posterior mean of the tilt, as in the file it writes, and for
the posterior mean of the standardised score. Values are means over bands, weighted by their number
of networks.
"""

from __future__ import annotations

import csv

import numpy as np

from benchmarks.bench_portfolio import TABLES
from benchmarks.entry import Parser, existing_folder, positive, run_main
from benchmarks.machine import RESULTS
from maenas.budgets.arrays import Float64Array
from maenas.evidence.agreement import spearman
from maenas.evidence.features import Columns, tilted_levels
from maenas.evidence.table import bands_of, read_table
from maenas.evidence.tilt import TiltPosterior, tilt_posterior

TABLE = RESULTS / "calibrate-score.csv"
HEAD = ("table", "trained", "spearman_of_the_rest", "spearman_averaged", "intervals_without_0")
COUNTS = (0, 4, 8, 16)
FEWEST = 40


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("folder", type=existing_folder, help="folder with the two tables")
    parser.add_argument("--draws", type=positive, default=20, help="draws in each band")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    rows = []
    for name, file in TABLES:
        table = read_table(arguments.folder / file)
        for count in COUNTS:
            found, average, clear = held_out(table, count, arguments.draws)
            line = f"{found:+.3f} at the mean tilt, {average:+.3f} averaged, {clear:.0%} clear"
            print(f"{name}, {count} networks: {line}", flush=True)
            rows.append((name, count, f"{found:.4f}", f"{average:.4f}", f"{clear:.4f}"))
    if arguments.write:
        with TABLE.open("w", newline="", encoding="utf-8") as file_out:
            writer = csv.writer(file_out)
            writer.writerow(HEAD)
            writer.writerows(rows)


def held_out(table: Columns, count: int, draws: int) -> tuple[float, float, float]:
    """Mean correlations on the networks that were not drawn, and the share of clear intervals."""
    levels, accuracy = np.stack(tilted_levels(table, "log-macs")), table["acc"]
    bands, rng = bands_of(table["macs"]), np.random.default_rng(0)
    found, averaged, sizes, clear = [], [], [], []
    for band in np.unique(bands):
        members = np.flatnonzero(bands == band)
        if len(members) < FEWEST:
            continue
        for _ in range(draws if count else 1):
            mixed = rng.permutation(members)
            drawn, rest = mixed[:count], mixed[count:]
            t, weights = 0.0, np.ones(len(levels))
            if count:
                own = [*levels[:, drawn]]
                posterior = tilt_posterior(own, accuracy[drawn], np.zeros(count, dtype=np.int64))
                t, weights = posterior.mean, averaged_weights(posterior, levels[:, drawn])
                clear.append(posterior.interval.is_clear)
            values = np.exp(t * np.arange(len(levels))) @ levels[:, rest]
            found.append(spearman(values, accuracy[rest]))
            averaged.append(spearman(weights @ levels[:, rest], accuracy[rest]))
            sizes.append(len(members))
    means = [float(np.average(values, weights=sizes)) for values in (found, averaged)]
    return means[0], means[1], float(np.mean(clear)) if clear else 0.0


def averaged_weights(posterior: TiltPosterior, levels: Float64Array) -> Float64Array:
    """(levels,), weights of the posterior mean over t of the score divided by its spread."""
    factors = np.exp(posterior.tilts[:, None] * np.arange(len(levels)))
    spreads = (factors @ levels).std(axis=1)
    weights: Float64Array = (posterior.weights / spreads) @ factors
    return weights


if __name__ == "__main__":
    run_main(main)
