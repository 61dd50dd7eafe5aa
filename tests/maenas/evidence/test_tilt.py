"""The posterior of a tilt: recovered from made data, wide where the data say nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import maenas
from maenas.blocks import SpecError
from maenas.evidence.table import write_table
from maenas.evidence.tilt import STEPS, log_density, tilt_posterior
from maenas.nas import load_score
from tests.schemas import errors_in


def made(t: float, noise: float, count: int, seed: int = 0) -> tuple[Any, Any, Any]:
    """Networks whose accuracy follows the score of one tilt."""
    rng = np.random.default_rng(seed)
    levels = rng.normal(0, 1, (4, count))
    score = np.exp(t * np.arange(4)) @ levels
    accuracy = score / score.std() + rng.normal(0, noise, count)
    return [*levels], accuracy, np.zeros(count, dtype=np.int64)


@pytest.mark.parametrize("t", [-0.8, 0.0, 0.6])
def test_the_tilt_of_made_networks_is_recovered(t: float) -> None:
    found = tilt_posterior(*made(t, 0.2, 200))
    assert found.mean == pytest.approx(t, abs=0.1)
    assert found.interval.low < t < found.interval.high
    assert found.sd < 0.1


def test_accuracies_without_a_relation_leave_the_prior() -> None:
    levels, _, groups = made(0.0, 0.2, 8)
    noise = np.random.default_rng(1).normal(0, 1, 8)
    found = tilt_posterior(levels, noise, groups)
    assert found.sd > 0.5
    assert not found.interval.is_clear


def test_the_posterior_is_bayes_rule_on_the_grid() -> None:
    """Against plain loops, for one group: prior times the likelihood averaged over rho."""
    levels, accuracy, groups = made(0.3, 1.0, 12)
    found = tilt_posterior(levels, accuracy, groups)
    from scipy.stats import norm, rankdata

    target = norm.ppf((rankdata(accuracy) - 0.5) / 12)
    target = (target - target.mean()) / target.std()
    expected = []
    for t in STEPS[::100]:
        score = sum(np.exp(t * level) * values for level, values in enumerate(levels))
        score = (score - score.mean()) / score.std()
        likelihood = 0.0
        for rho in np.linspace(0, 0.99, 100):
            variance = 1 - rho**2
            log = -0.5 * np.sum(np.log(variance) + (target - rho * score) ** 2 / variance)
            likelihood += np.exp(log)
        expected.append(likelihood * np.exp(-(t**2) / 2))
    ours = found.weights[::100]
    assert ours / ours.sum() == pytest.approx(np.array(expected) / np.sum(expected), rel=1e-6)


def test_a_correlation_is_most_likely_at_the_sample_correlation() -> None:
    grid = np.linspace(0, 0.99, 100)
    density = log_density(np.array([0.5]), grid)
    assert grid[density.argmax()] == pytest.approx(0.5, abs=0.02)


def test_a_group_of_three_is_too_small() -> None:
    with pytest.raises(SpecError, match="at least 4 networks of equal cost"):
        tilt_posterior(*made(0.0, 0.1, 3))


def test_the_score_file_is_what_search_reads(tmp_path: Path, typed: Any) -> None:
    levels, accuracy, _ = made(0.6, 0.2, 60)
    rows: list[dict[str, object]] = [
        {
            "acc": accuracy[row],
            "macs": 1e9,
            **{f"log-macs:{at}": levels[at][row] for at in range(4)},
        }
        for row in range(60)
    ]
    write_table(tmp_path / "networks.csv", rows)
    out = tmp_path / "fitted.yaml"
    ran = typed("calibrate-score", str(tmp_path / "networks.csv"), "--out", str(out), "--json")
    data = json.loads(ran.out)
    assert errors_in("calibrated-score", data) == []
    assert data["t"] == pytest.approx(0.6, abs=0.2)
    assert not data["covers_zero"]
    assert load_score(str(out)).options()["t"] == pytest.approx(data["t"], abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"score": "params"}, "score must be one of"),
        ({"prior_sd": 0.0}, "prior_sd must be a positive number"),
        ({"out": "fitted.txt"}, "--out must end in .yaml"),
        ({}, "no columns of levels for log-macs"),
    ],
)
def test_wrong_options_of_a_calibration_are_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    write_table(tmp_path / "t.csv", [{"acc": 1, "macs": 5}, {"acc": 2, "macs": 5}])
    with pytest.raises(maenas.MaenasError, match=words):
        maenas.calibrate_score(tmp_path / "t.csv", **{"out": tmp_path / "f.yaml", **changes})
    assert not (tmp_path / "f.yaml").exists()
