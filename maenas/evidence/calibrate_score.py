"""`maenas calibrate-score`: fit the tilt of a score to trained networks, write a score file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import TypedDict

from maenas import __version__
from maenas.blocks import SpecError
from maenas.blocks.errors import one_of
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.suffixes import is_yaml
from maenas.budgets.arrays import Float64Array
from maenas.evidence.agreement import Estimate, mean_in_groups, spearman
from maenas.evidence.features import network_columns, tilted_levels
from maenas.evidence.race_options import members_of
from maenas.evidence.table import groups_of, trained_rows
from maenas.evidence.tilt import (
    FEWEST_NETWORKS,
    TiltPosterior,
    expected_scores,
    tilt_posterior,
)
from maenas.nas.scores.load import FORMAT
from maenas.runs.models import find_model
from maenas.terminal.console import count_of

SCHEMA = "maenas/calibrated-score@1"
TILTED = ("log-macs", "log-entropy")


class ChoiceData(TypedDict):
    """A network to choose from.

    Attributes:
        network: name of the network.
        score: posterior mean of its score, in standard deviations of the trained networks.
        sd: posterior standard deviation of its score.
    """

    network: str
    score: float
    sd: float


class CalibratedScoreData(TypedDict):
    """The result of `maenas calibrate-score`.

    Attributes:
        schema: version of this format.
        version: version of maenas.
        table: CSV file of the trained networks.
        score: name of the score.
        networks: number of networks that count.
        groups: number of groups of equal cost.
        t: posterior mean of the tilt.
        sd: posterior standard deviation.
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
        covers_zero: whether the interval holds 0, so that the tilt is not known.
        spearman_at_0: rank correlation with accuracy without a tilt.
        spearman_at_t: rank correlation with the fitted tilt, on the same networks.
        file: score file that was written.
        choices: networks to choose from, the best first.
    """

    schema: str
    version: str
    table: str
    score: str
    networks: int
    groups: int
    t: float
    sd: float
    low: float
    high: float
    covers_zero: bool
    spearman_at_0: float
    spearman_at_t: float
    file: str
    choices: list[ChoiceData]


@dataclass(frozen=True, slots=True)
class Choice:
    """A network to choose from; see `ChoiceData`."""

    network: str
    score: float
    sd: float


@dataclass(frozen=True, slots=True)
class CalibratedScore:
    """The result of `maenas calibrate-score`.

    Attributes:
        table: CSV file of the trained networks.
        score: name of the score.
        posterior: posterior of its tilt.
        spearman_at_0: rank correlation with accuracy without a tilt.
        spearman_at_t: rank correlation with the fitted tilt, on the same networks.
        file: score file that was written.
        choices: networks to choose from, the best first.
    """

    table: Path
    score: str
    posterior: TiltPosterior
    spearman_at_0: float
    spearman_at_t: float
    file: Path
    choices: tuple[Choice, ...] = ()

    @property
    def covers_zero(self) -> bool:
        """Whether the interval of the tilt holds 0."""
        return not self.posterior.interval.is_clear

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        found = self.posterior.interval
        data: CalibratedScoreData = {
            "schema": SCHEMA,
            "version": __version__,
            "table": str(self.table),
            "score": self.score,
            "networks": self.posterior.networks,
            "groups": self.posterior.groups,
            "t": found.value,
            "sd": self.posterior.sd,
            "low": found.low,
            "high": found.high,
            "covers_zero": self.covers_zero,
            "spearman_at_0": self.spearman_at_0,
            "spearman_at_t": self.spearman_at_t,
            "file": str(self.file),
            "choices": [
                {"network": each.network, "score": each.score, "sd": each.sd}
                for each in self.choices
            ],
        }
        return dict(data)


def calibrate_table(
    path: Path,
    score: str,
    accuracy: str,
    cost: str | None,
    prior_sd: float,
    out: Path,
    sources: Sequence[str] = (),
) -> CalibratedScore:
    """Fit the tilt of a score to a table of trained networks and write a score file.

    Args:
        path: CSV file of trained networks.
        score: name of the score, one of `TILTED`.
        accuracy: column with the accuracy.
        cost: column with the cost; None for that of `cost_of`.
        prior_sd: standard deviation of the prior of the tilt, whose mean is 0.
        out: score file to write.
        sources: specs, or folders of a portfolio, to choose from.
    Raises:
        MaenasError: if a column is missing, no group of equal cost is large enough, or a network
            to choose from cannot be read or has other levels.
    """
    one_of("calibrate-score", "score", score, TILTED)
    if not prior_sd > 0:
        raise SpecError(f"calibrate-score: prior_sd must be a positive number, got {prior_sd:g}.")
    if not is_yaml(out):
        raise SpecError(f"calibrate-score: --out must end in .yaml, got {out}.")
    table, cost = trained_rows(path, accuracy, cost)
    with np.errstate(divide="ignore", invalid="ignore"):  # checked in the next line
        levels = tilted_levels(table, score)
    if not levels or not np.isfinite(levels).all():
        raise SpecError(
            f"{path}: has no columns of levels for {score}, such as n1 and m1 or u1 and C1, whose "
            "values are all positive."
        )
    groups = groups_of(table[cost])
    posterior = tilt_posterior(levels, table[accuracy], groups, prior_sd)

    def agreement(t: float) -> float:
        values = np.exp(t * np.arange(len(levels))) @ np.stack(levels)
        found = (spearman, values, table[accuracy], groups)
        return mean_in_groups(*found, fewest=FEWEST_NETWORKS)

    choices = chosen(posterior, score, levels, members_of(sources))
    agreed = (agreement(0.0), agreement(posterior.mean))
    made = CalibratedScore(path, score, posterior, *agreed, out, choices)
    write_text(out, score_text(made))
    return made


def chosen(
    posterior: TiltPosterior, score: str, levels: Sequence[Float64Array], sources: Sequence[str]
) -> tuple[Choice, ...]:
    """The networks of specs by the posterior mean of their scores, the best first."""
    if not sources:
        return ()
    rows = [network_columns(find_model(source).backbone) for source in sources]
    found = [tilted_levels({key: np.array([row[key]]) for key in row}, score) for row in rows]
    for source, own in zip(sources, found, strict=True):
        if len(own) != len(levels):
            raise SpecError(
                f"calibrate-score: {source} has {len(own)} levels or stages, the trained networks "
                f"have {len(levels)}; choose among networks of their space."
            )
    others = [np.concatenate([own[at] for own in found]) for at in range(len(levels))]
    means, sds = expected_scores(posterior, levels, others)
    made = [
        Choice(source, float(mean), float(sd))
        for source, mean, sd in zip(sources, means, sds, strict=True)
    ]
    return tuple(sorted(made, key=lambda each: -each.score))


def score_text(made: CalibratedScore) -> str:
    """The score file, with its receipt as comments."""
    found = made.posterior.interval
    lines = [
        f"# maenas calibrate-score {made.table.name}, maenas {__version__}",
        f"# {tilt_line(found)} from {made.posterior.networks} networks in "
        f"{count_of(made.posterior.groups, 'group')} of equal cost",
        f"format: {FORMAT}",
        f"name: {made.score}",
        f"options: {{t: {found.value:.4f}}}",
    ]
    return "\n".join(lines) + "\n"


def tilt_line(found: Estimate) -> str:
    """A line with the tilt and its interval."""
    return f"t = {found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
