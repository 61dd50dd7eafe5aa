"""Features of networks from the columns of a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maenas.blocks import Backbone, ConvStem, ResK1KX
from maenas.evidence.features import features_of, network_columns, weighted
from maenas.nas import SCORES, load_score


def backbone(width: int) -> Backbone:
    stages = [
        ResK1KX(out_channels=width, bottleneck_channels=8, stride=2, depth=1 + level)
        for level in range(4)
    ]
    return Backbone((ConvStem(out_channels=8), *stages), (2, 3, 4), (3, 64, 64))


def test_weights_belong_to_the_coarsest_levels() -> None:
    entropy = [np.array([1.0]), np.array([2.0]), np.array([4.0])]
    assert weighted(entropy, (1.0, 6.0)) == pytest.approx(3 + 6 * 7)
    assert weighted(entropy[:1], (1.0, 6.0)) == pytest.approx(6 * 1)
    assert weighted(entropy, (1.0,), entropy[:1]) == pytest.approx(7)  # widths of one level only


def test_features_of_one_stage_per_level_are_the_scores_themselves() -> None:
    networks = [backbone(16), backbone(40)]
    rows = [network_columns(each) for each in networks]
    found = features_of({key: np.array([row[key] for row in rows]) for key in rows[0]})
    for feature, name in (
        ("max-entropy, weights 1 1 6", "max-entropy"),
        ("log-entropy", "log-entropy"),
        ("log-macs", "log-macs"),
    ):
        score = load_score(name)
        assert found[feature] == pytest.approx([score(each) for each in networks])
    assert found["depth"] == pytest.approx([each.layers for each in networks])
    assert {f"score:{name}" for name in SCORES} <= set(rows[0])


def test_stages_that_share_a_level_count_as_in_a_search() -> None:
    networks = []
    for width in (16, 40):
        first = backbone(width)
        last = replace(first.stages[-1], stride=1, out_channels=width + 8)
        networks.append(replace(first, stages=(*first.stages, last), features=(2, 3, 5)))
    rows = [network_columns(each) for each in networks]
    found = features_of({key: np.array([row[key] for row in rows]) for key in rows[0]})
    for name in ("log-entropy", "log-macs"):
        score = load_score(name)
        assert found[name] == pytest.approx([score(each) for each in networks])


def test_a_column_of_another_score_is_a_feature() -> None:
    table = {"macs": np.array([1.0, 2.0]), "score:mine": np.array([3.0, 1.0])}
    assert set(features_of(table)) == {"MACs", "mine"}


def test_the_parts_of_az_nas_are_ranked_together_where_all_are_there() -> None:
    table = {
        "macs": np.array([1.0, 2.0, 3.0]),
        "score:expressivity": np.array([5.0, 4.0, 6.0]),
        "score:progressivity": np.array([0.1, 0.1, 0.2]),
    }
    assert "az-nas" not in features_of(table)
    table["score:trainability"] = np.array([-3.0, -2.0, -1.0])
    ranks = np.array([[1, 2, 3], [2, 1, 3], [1.5, 1.5, 3], [1, 2, 3]])
    expected = np.log(ranks / 3).sum(axis=0)
    assert features_of(table)["az-nas"] == pytest.approx(expected)
