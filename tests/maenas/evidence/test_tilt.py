"""The posterior of a tilt: recovered from made data, wide where the data say nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import maenas
from maenas.blocks import Backbone, ConvStem, ResK1KX, SpecError
from maenas.blocks.backbone_file import dump_backbone
from maenas.evidence.features import network_columns
from maenas.evidence.table import write_table
from maenas.evidence.tilt import STEPS, expected_scores, log_density, tilt_posterior
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


def test_the_expected_score_of_other_networks_is_the_mean_over_the_posterior() -> None:
    """Against plain loops over the tilts."""
    levels, accuracy, groups = made(0.4, 0.5, 20)
    posterior = tilt_posterior(levels, accuracy, groups)
    others = [values[:3] for values in made(0.0, 0.1, 3, seed=5)[0]]
    means, sds = expected_scores(posterior, levels, others)
    for network in range(3):
        mean, square = 0.0, 0.0
        for t, weight in zip(posterior.tilts, posterior.weights, strict=True):
            trained = sum(np.exp(t * at) * values for at, values in enumerate(levels))
            own = sum(np.exp(t * at) * values[network] for at, values in enumerate(others))
            score = (own - np.mean(trained)) / np.std(trained)
            mean, square = mean + weight * score, square + weight * score**2
        assert means[network] == pytest.approx(mean)
        assert sds[network] == pytest.approx(np.sqrt(square - mean**2))


def backbone(*widths: int) -> Backbone:
    """A small network with a stage of each width."""
    stages = [
        ResK1KX(out_channels=width, bottleneck_channels=8 + 8 * (width > 64), stride=2)
        for width in widths
    ]
    return Backbone((ConvStem(out_channels=16), *stages), (1, 2, 3), (3, 64, 64))


def test_networks_are_chosen_by_their_expected_score(tmp_path: Path, typed: Any) -> None:
    # Trained networks whose AP follows what they compute in the coarsest stage.
    rng = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for _ in range(24):
        row = network_columns(backbone(*map(int, rng.choice([32, 48, 64, 96, 128], 3))))
        rows.append({"acc": row["log-macs:4"], "macs": 1e9, **row})
    write_table(tmp_path / "networks.csv", rows)
    for name, widths in (("fine", (128, 64, 32)), ("coarse", (32, 64, 128))):
        dump_backbone(backbone(*widths), tmp_path / f"{name}.yaml")
    words = ("calibrate-score", "networks.csv", "--choose", "fine.yaml", "--choose", "coarse.yaml")
    data = json.loads(typed(*words, "--json").out)
    assert errors_in("calibrated-score", data) == []
    assert [each["network"] for each in data["choices"]] == ["coarse.yaml", "fine.yaml"]
    assert data["choices"][0]["score"] > data["choices"][1]["score"] + 1
    assert "coarse.yaml: +" in typed(*words).out


def test_a_network_with_other_stages_is_no_choice(tmp_path: Path) -> None:
    rows = [
        {"acc": row, "macs": 1e9, **network_columns(backbone(32, 64, 16 * (row + 1)))}
        for row in range(6)
    ]
    write_table(tmp_path / "networks.csv", rows)
    dump_backbone(backbone(32, 64, 96, 128), tmp_path / "other.yaml")
    with pytest.raises(SpecError, match=r"other\.yaml has 5 levels or stages, .* have 4"):
        maenas.calibrate_score(tmp_path / "networks.csv", choose=[tmp_path / "other.yaml"])


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
