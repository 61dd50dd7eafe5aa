"""A one-to-one head: two branches are trained, one is deployed."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch

from maenas.blocks.files.dump import changed_fields
from maenas.blocks.layers.deploy import deploy
from maenas.detector import ZeroHead
from maenas.detector.checkpoints.branches import one_to_many
from maenas.detector.checkpoints.checkpoint import build_network
from maenas.detector.model.layers.network import DetectorNetwork
from tests.lively import images, lively
from tests.small_detector import one_to_one_spec, small_spec

SPEC = one_to_one_spec()


def test_the_deployed_network_is_that_of_an_ordinary_head_with_the_weights_of_the_branch() -> None:
    network = lively(SPEC)
    deployed = cast("DetectorNetwork", deploy(network))
    photos = torch.from_numpy(images(SPEC, 1))

    with torch.no_grad():
        fused = network.maps(photos)["neck"]
        expected = network.head.one_to_one(fused)
        beside = network.head.one_to_many(fused)
        found, before = deployed(photos), network(photos)
        again = cast("DetectorNetwork", deploy(deployed))(photos)

    for level in range(3):
        torch.testing.assert_close(before[level].scores, expected[level].scores, rtol=0, atol=0)
        torch.testing.assert_close(found[level].scores, expected[level].scores, rtol=0, atol=1e-4)
        torch.testing.assert_close(
            found[level].distances, expected[level].distances, rtol=0, atol=1e-4
        )
        torch.testing.assert_close(again[level].distances, found[level].distances, atol=0, rtol=0)
        assert not torch.allclose(beside[level].scores, expected[level].scores, atol=1e-2)
    plain = cast("DetectorNetwork", deploy(small_spec().build()))
    assert list(deployed.state_dict()) == list(plain.state_dict())


def test_the_other_branch_is_a_detector_with_an_ordinary_head() -> None:
    network = lively(SPEC)
    spec, weights = one_to_many(SPEC, network.state_dict())
    photos = torch.from_numpy(images(SPEC, 1))
    with torch.no_grad():
        expected = network.head.one_to_many(network.maps(photos)["neck"])
        found = build_network(spec, weights).eval()(photos)
    assert spec == small_spec()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.scores, other.scores, rtol=0, atol=0)


def test_the_deployed_operators_are_those_of_an_ordinary_head() -> None:
    assert SPEC.ops() == small_spec().ops()
    assert changed_fields(replace(SPEC.head, one_to_one=False)) == changed_fields(small_spec().head)
    assert changed_fields(ZeroHead(one_to_one=True)) == {"one_to_one": True}
