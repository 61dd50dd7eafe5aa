"""A detector that learns other classes keeps what it can."""

from __future__ import annotations

import pytest
import torch

from maenas.blocks.errors import SpecError
from maenas.detector.train import starting_network, starting_spec
from maenas.detector.train.start import common_classes
from tests.small_detector import NAMES, one_to_one_spec, small_spec

SPEC = small_spec()


def weights():
    torch.manual_seed(7)
    return SPEC.build().state_dict()


def test_other_classes_keep_all_but_the_classifier_and_in_it_the_classes_of_the_same_name() -> None:
    given = weights()
    for name in given:
        if name.startswith("head.scores") and name.endswith("bias"):
            given[name] = torch.tensor([1.0, 2.0, 3.0])  # of cat, dog, bird
    network, (note,) = starting_network(SPEC, ("bird", "cow", "cat", "ox"), given, seed=0)
    ours = network.state_dict()
    for name, value in given.items():
        if not name.startswith("head.scores"):
            assert torch.equal(ours[name], value)
    for level in range(3):
        weight, bias = (ours[f"head.scores.{level}.0.{part}"] for part in ("weight", "bias"))
        assert bias[[0, 2]].tolist() == [3.0, 1.0]
        assert torch.equal(weight[0], given[f"head.scores.{level}.0.weight"][2])
        assert bias[1] == bias[3] == pytest.approx(-4.595, abs=1e-3)  # as before any training
    assert note == (
        "starts from all weights of weights but those of the classifier, which keeps 2 of 4 classes"
    )


def test_other_classes_keep_the_classes_of_the_same_name_in_both_branches_of_a_head() -> None:
    spec = one_to_one_spec()
    torch.manual_seed(7)
    given = spec.build().state_dict()
    network, _ = starting_network(spec, ("bird", "cow"), given, seed=0)
    ours = network.state_dict()
    for branch in ("head.scores", "head.one_to_one.scores"):
        name = f"{branch}.0.0.weight"
        assert torch.equal(ours[name][0], given[name][2])
        assert not torch.equal(ours[name][1], given[name][1])


def test_names_are_compared_without_case_and_plural_where_none_is_equal() -> None:
    assert common_classes(("cat", "Traffic light", "person"), ("Cats", "persons", "cow")) == [
        (0, 0),
        (1, 2),
    ]
    assert common_classes(("Cat", "cat"), ("cat", "CAT")) == [(0, 1), (1, 0)]
    assert common_classes((), ("cat",)) == []


def test_without_a_common_class_it_says_that_all_but_the_classifier_is_kept() -> None:
    _, (note,) = starting_network(SPEC, ("cow", "ox"), weights(), 0, "run/best")
    assert note == "starts from all weights of run/best but those of the classifier"


def test_the_same_classes_keep_everything() -> None:
    given = weights()
    ours = starting_network(SPEC, NAMES, given, seed=0)[0].state_dict()
    assert all(torch.equal(ours[name], value) for name, value in given.items())


def test_a_fresh_start_depends_on_the_seed_alone() -> None:
    first, again, other = (
        starting_network(SPEC, NAMES, None, seed)[0].state_dict() for seed in (0, 0, 1)
    )
    name = "head.scores.0.0.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])


def test_weights_of_another_detector_are_an_error() -> None:
    given = weights()
    given["extra"] = torch.zeros(1)
    with pytest.raises(SpecError, match="run/best: extra belongs to no part"):
        starting_network(SPEC, ("a",), given, 0, "run/best")


def test_the_spec_gets_the_names() -> None:
    spec = starting_spec(SPEC, ("a", "b"))
    assert (spec.head.num_classes, spec.names) == (2, ("a", "b"))
