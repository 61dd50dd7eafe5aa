"""`maenas score`: the score in all its forms."""

from math import exp

import pytest

from maenas.blocks import load_backbone
from maenas.nas import effectiveness, expected_entropy, level_scores, max_entropy
from maenas.nas.scores.max_entropy import expected_level_scores
from maenas.nas.scores.max_entropy_forward import max_entropy_forward

NAME = "zoo:damo-yolo-ns"  # small, so that random networks of it are quick


def test_the_numbers_are_those_of_the_formulas(typed):
    told = typed("score", NAME, "--json").json
    backbone = load_backbone(NAME)
    assert told["score"] == max_entropy(backbone)
    assert told["expected"] == expected_entropy(backbone)
    assert told["level_scores"] == list(level_scores(backbone))
    assert told["expected_level_scores"] == list(expected_level_scores(backbone))
    assert told["effectiveness"] == effectiveness(backbone)
    assert told["layers"] == backbone.layers
    assert "monte_carlo" not in told


def test_the_score_is_the_weighted_sum_of_the_levels(typed):
    told = typed("score", NAME, "--json").json
    assert told["weights"] == [0, 0, 1, 1, 6]
    _, _, c3, c4, c5 = told["level_scores"]
    assert told["score"] == pytest.approx(c3 + c4 + 6 * c5)


def test_the_published_s_scores_what_the_reference_says(typed):
    assert typed("score", "zoo:damo-yolo-s", "--json").json["score"] == pytest.approx(
        588.113, abs=5e-4
    )


def test_the_weights_can_be_chosen(typed):
    told = typed("score", NAME, "--weights", "0,0,0,0,1", "--json").json
    assert told["score"] == pytest.approx(told["level_scores"][4])


def test_random_networks_agree(typed):
    told = typed("score", NAME, "--seeds", "3", "--json").json["monte_carlo"]
    drawn = max_entropy_forward(load_backbone(NAME), seeds=range(3))
    assert told["mean"] == pytest.approx(drawn.mean, rel=1e-5)
    assert told["scores"] == pytest.approx(drawn.scores, rel=1e-5)
    assert told["standard_error"] == pytest.approx(drawn.standard_error, rel=1e-3)
    assert told["mean"] == pytest.approx(typed("score", NAME, "--json").json["expected"], rel=0.01)


def test_the_table_says_the_same(typed):
    told = typed("score", NAME, "--json").json
    shown = typed("score", NAME).words
    for level, score in enumerate(told["level_scores"], start=1):
        expected, weight = told["expected_level_scores"][level - 1], told["weights"][level - 1]
        assert f"C{level} {weight:g} {score:.4f} {expected:.4f}" in shown
    assert f"{told['score']:.4f}" in shown
    assert f"{told['expected']:.4f}" in shown
    assert f"{told['layers']} layers; effectiveness" in shown


def test_a_run_is_scored_with_its_weights(typed, small_folder, monkeypatch):
    monkeypatch.chdir(small_folder)
    told = typed("score", "run", "--json").json
    assert told["weights"] == [1, 1, 2, 4]
    assert told["score"] == pytest.approx(
        max_entropy(load_backbone("run/best.yaml"), (1, 1, 2, 4)), rel=1e-12
    )


@pytest.mark.parametrize("options", [("--ray", "auto"), ("--workers", "2")], ids=" ".join)
def test_workers_without_random_networks_are_refused(typed, options):
    ran = typed("score", NAME, *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: --ray, --workers: are for random networks; give their number")


def test_a_spec_carries_the_options_of_its_score(typed, unlimited):
    budget = ("--budget", "100MMACs", "--evaluations", "60")
    chosen = ("--score", "log-macs:t=0.5", "--out", "run")
    searched = typed(*unlimited, *budget, *chosen, "--json").json
    told = typed("score", "run/best.yaml", "--json").json
    assert told["score"] == pytest.approx(searched["score"], rel=1e-12)
    assert told["weights"] == pytest.approx([1, exp(0.5), 2 * exp(1), 4 * exp(1.5)])
