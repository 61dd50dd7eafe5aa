"""What each feature of networks is worth: its agreement with their accuracy, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from maenas import __version__
from maenas.blocks import SpecError
from maenas.budgets.arrays import Float64Array
from maenas.evidence.agreement import (
    DRAWS,
    FEWEST,
    Estimate,
    Networks,
    attainable,
    estimate,
    spearman,
)
from maenas.evidence.features import features_of
from maenas.evidence.options import JudgeOptions
from maenas.evidence.table import comparisons_of, of_equal_depth, read_table
from maenas.evidence.training import Trained
from maenas.terminal.progress import Counter

SCHEMA = "maenas/judge-result@1"


class EstimateData(TypedDict):
    """A statistic and its 95 % bootstrap interval; null where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


class AgreementData(TypedDict):
    """Agreement of one feature with accuracy in one comparison.

    Attributes:
        comparison: networks that are compared, such as "equal macs".
        feature: name of the feature.
        networks: number of networks.
        spearman: Spearman's rank correlation, or the concordance of pairs in a small table.
        kendall: Kendall's rank correlation; null in a small table.
    """

    comparison: str
    feature: str
    networks: int
    spearman: EstimateData
    kendall: EstimateData


class VerdictData(TypedDict):
    """The result of `maenas judge` as plain data.

    Attributes:
        schema: version of this format.
        version: version of maenas.
        table: CSV file of the networks.
        folder: folder of the files; null for a table without --out.
        networks: number of trained networks.
        agreements: every feature in every comparison.
        lengths: agreement of the short and the long training of the same networks; null without.
        seeds: agreement of two trainings of the same networks with different seeds; null without.
        attainable: agreement that a score without error would have by that; null without.
    """

    schema: str
    version: str
    table: str
    folder: str | None
    networks: int
    agreements: list[AgreementData]
    lengths: EstimateData | None
    seeds: EstimateData | None
    attainable: EstimateData | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of one feature with accuracy in one comparison; see `AgreementData`."""

    comparison: str
    feature: str
    networks: int
    spearman: Estimate
    kendall: Estimate


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of `maenas judge`.

    Attributes:
        table: CSV file of the networks.
        folder: folder of the files; None for a table without a folder.
        networks: number of trained networks.
        agreements: every feature in every comparison.
        lengths: Spearman's correlation of short and long trainings; None without short ones.
        seeds: Spearman's correlation of two seeds of the same networks; None without them.
    """

    table: Path
    folder: Path | None
    networks: int
    agreements: tuple[Agreement, ...]
    lengths: Estimate | None = None
    seeds: Estimate | None = None

    @property
    def attainable(self) -> Estimate | None:
        """Agreement that a score without error would have, by the noise between two seeds."""
        return None if self.seeds is None else attainable(self.seeds)

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        data: VerdictData = {
            "schema": SCHEMA,
            "version": __version__,
            "table": str(self.table),
            "folder": None if self.folder is None else str(self.folder),
            "networks": self.networks,
            "agreements": [
                {
                    "comparison": each.comparison,
                    "feature": each.feature,
                    "networks": each.networks,
                    "spearman": estimate_data(each.spearman),
                    "kendall": estimate_data(each.kendall),
                }
                for each in self.agreements
            ],
            "lengths": None if self.lengths is None else estimate_data(self.lengths),
            "seeds": None if self.seeds is None else estimate_data(self.seeds),
            "attainable": None if self.attainable is None else estimate_data(self.attainable),
        }
        return dict(data)


def estimate_data(found: Estimate) -> EstimateData:
    """A statistic as plain data: JSON has no NaN."""
    value, low, high = (
        float(each) if np.isfinite(each) else None for each in (found.value, found.low, found.high)
    )
    return {"value": value, "low": low, "high": high}


def judged_table(path: Path, accuracy: str, cost: str | None, draws: int = DRAWS) -> Verdict:
    """The verdict on a table of trained networks.

    Args:
        path: CSV file.
        accuracy: column with the accuracy.
        cost: column with the cost; None for that of `cost_of`.
        draws: number of bootstrap draws of each interval.
    Raises:
        SpecError: if the table cannot be read or a column is missing.
    """
    found = comparisons_of(path, accuracy, cost)
    return Verdict(path, None, len(found[0].accuracy), all_agreements(found, draws))


def judged(
    rows: Sequence[Mapping[str, object]],
    trained: Sequence[Trained],
    options: JudgeOptions,
    path: Path,
    draws: int,
) -> Verdict:
    """The verdict on the networks of a run, which are all of equal cost.

    Args:
        rows: rows of the table of the run.
        trained: results of the trainings.
        options: options of the run.
        path: the table, in the folder of the run.
        draws: number of bootstrap draws of each interval.

    Raises:
        SpecError: if fewer than `FEWEST` networks are trained.
    """
    if len(rows) < FEWEST:
        raise SpecError(
            f"judge: {len(rows)} of {options.networks} networks are trained, at least {FEWEST} are "
            f"needed for a rank correlation; `maenas judge --resume --out {path.parent}` goes on."
        )
    table = read_table(path)
    one = np.zeros(len(rows), dtype=np.int64)
    features = features_of(table)
    kind = "equal cost and depth" if options.equal_depth else "equal cost"
    first = Networks(kind, table["acc"], features, groups=one)
    agreements = all_agreements([first, *of_equal_depth(first, table["layers"])], draws)
    lengths = None
    if "short_acc" in table:
        known = np.isfinite(table["short_acc"])
        lengths = paired(table["short_acc"][known], table["acc"][known])
    seeds = paired(*two_seeds(trained, options))
    return Verdict(path, path.parent, len(rows), agreements, lengths, seeds)


def two_seeds(
    trained: Sequence[Trained], options: JudgeOptions
) -> tuple[Float64Array, Float64Array]:
    """AP of the networks that were trained with both seeds, for each seed."""
    by_seed = [
        {t.network: t.ap for t in trained if (t.epochs, t.seed) == (options.epochs, seed)}
        for seed in (options.seed, options.seed + 1)
    ]
    both = [name for name in by_seed[0] if name in by_seed[1]]
    first, second = (np.array([values[name] for name in both]) for values in by_seed)
    return first, second


def all_agreements(compared: Sequence[Networks], draws: int) -> tuple[Agreement, ...]:
    """Every feature of every comparison, with a progress line of the bootstrap draws."""
    estimates = sum(
        (1 if networks.groups is None else 2) * len(differing(networks)) for networks in compared
    )
    with Counter("judge", estimates * draws, "bootstrap draws") as line:
        return tuple(
            each for networks in compared for each in agreements_of(networks, draws, line.advance)
        )


def differing(networks: Networks) -> list[str]:
    """Names of the features that differ among the networks of a comparison."""
    return [name for name, values in networks.features.items() if np.ptp(values)]


def agreements_of(networks: Networks, draws: int, watch: Callable[[], None]) -> list[Agreement]:
    """Every feature of a comparison that differs among its networks, the best first.

    Args:
        networks: networks that are compared.
        draws: number of bootstrap draws of each interval.
        watch: function that is called after each draw.
    """
    count = len(networks.accuracy)
    found = []
    for name in differing(networks):
        ranks = estimate(statistic_of(networks.statistic, name), count, draws, watch)
        pairs = Estimate(float("nan"), float("nan"), float("nan"))
        if networks.groups is not None:
            pairs = estimate(statistic_of(networks.kendall, name), count, draws, watch)
        found.append(Agreement(networks.name, name, count, ranks, pairs))
    return sorted(found, key=lambda each: -np.nan_to_num(each.spearman.value, nan=-2.0))


def statistic_of(
    statistic: Callable[[str, NDArray[np.int64]], float], feature: str
) -> Callable[[NDArray[np.int64]], float]:
    """A statistic of one feature."""
    return lambda chosen: statistic(feature, chosen)


def paired(first: Float64Array, second: Float64Array) -> Estimate | None:
    """Spearman's correlation of two results of the same networks; None for fewer than `FEWEST`."""
    if len(first) < FEWEST:
        return None

    def statistic(chosen: NDArray[np.int64]) -> float:
        ours, theirs = first[chosen], second[chosen]
        return spearman(ours, theirs) if np.ptp(ours) and np.ptp(theirs) else float("nan")

    return estimate(statistic, len(first))
