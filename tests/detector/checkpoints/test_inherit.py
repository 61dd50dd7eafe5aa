"""Weights inherited from a detector of other widths, depths and kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from maenas.blocks import Backbone, SpecError, load_backbone
from maenas.detector import load_template
from maenas.detector.checkpoints import inherit as module
from maenas.detector.checkpoints.inherit import Inheritance, channel_map, inherit, kernel_of
from maenas.detector.model.spec import DetectorSpec, assemble

SIDE = 64


def detector(scale: str, classes: int = 3, **stages: Any) -> DetectorSpec:
    """A published detector; `stages` gives changed fields by the index of a stage, as `s3`."""
    backbone: Backbone = load_backbone(f"zoo:damo-yolo-{scale}")
    changed = tuple(
        replace(stage, **stages.get(f"s{index}", {})) for index, stage in enumerate(backbone.stages)
    )
    names = tuple(f"class {index}" for index in range(classes))
    return assemble(replace(backbone, stages=changed), load_template(scale), classes, names)


def lively(spec: DetectorSpec) -> dict[str, Tensor]:
    """Random weights with statistics that are far from those of a fresh BatchNorm."""
    torch.manual_seed(1)
    network = spec.build()
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif name.endswith(("running_mean", "bn.bias")):
            value.normal_(0, 0.3)
        elif name.endswith("bn.weight"):
            value.uniform_(0.5, 1.5)
    return network.state_dict()


def outputs(spec: DetectorSpec, weights: Mapping[str, Tensor]) -> list[Tensor]:
    network = spec.build().eval()
    network.load_state_dict(dict(weights))
    torch.manual_seed(2)
    with torch.no_grad():
        return [part for level in network(torch.rand(1, 3, SIDE, SIDE) * 255) for part in level]


def origins(found: Inheritance, part: str) -> set[str]:
    return {each.origin for each in found.tensors if each.name.startswith(part)}


def test_the_same_detector_inherits_every_tensor_as_it_is():
    spec = detector("ns")
    weights = lively(spec)
    found = inherit(spec, spec, weights, 0)
    assert found.counts() == {"copied": len(weights)}
    assert found.is_exact
    assert all(torch.equal(found.weights[name], value) for name, value in weights.items())


@pytest.mark.parametrize(
    ("scale", "stages"),
    [
        ("ns", {"s1": {"out_channels": 32}, "s3": {"out_channels": 104, "expand_ratio": 6.0}}),
        ("t", {"s0": {"out_channels": 32}, "s2": {"out_channels": 160}}),
        (
            "t",
            {
                "s3": {"out_channels": 256},
                "s4": {"out_channels": 256},
                "s5": {"bottleneck_channels": 250},
            },
        ),
    ],
)
def test_a_wider_detector_computes_the_same(monkeypatch, scale, stages):
    monkeypatch.setattr(module, "NOISE", 0.0)
    source, target = detector(scale), detector(scale, **stages)
    weights = lively(source)
    found = inherit(target, source, weights, 0)
    assert "repeated" in origins(found, "backbone")
    assert "fresh" not in origins(found, "")
    expected = outputs(source, weights)
    for ours, theirs in zip(outputs(found.spec, found.weights), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_repeated_filters_differ_so_that_they_learn_different_things():
    source = detector("ns")
    target = detector("ns", s1={"out_channels": 48})
    weights = lively(source)
    name = "backbone.stages.1.0.chain.0.conv.weight"
    found = inherit(target, source, weights, 0).weights[name]
    assert (len(weights[name]), len(found)) == (88, 168)
    assert torch.equal(found[:88], weights[name])
    assert not torch.equal(found[88:], weights[name][:80])
    noise = found[88:] - weights[name][:80]
    assert float(noise.std()) == pytest.approx(0.01 * float(weights[name].std()), rel=0.1)


def test_a_narrower_detector_gets_the_first_channels():
    source = detector("ns")
    target = detector("ns", s1={"out_channels": 16})
    weights = lively(source)
    found = inherit(target, source, weights, 0)
    name = "backbone.stages.1.0.chain.0"
    assert torch.equal(found.weights[f"{name}.conv.weight"], weights[f"{name}.conv.weight"][:56])
    mean = f"{name}.bn.running_mean"
    assert torch.equal(found.weights[mean], weights[mean][:56])
    assert origins(found, name) == {"cut", "copied"}


def test_a_deeper_stage_repeats_its_last_unit_and_a_shallower_one_drops_it():
    source, deep = detector("ns"), detector("ns", s3={"depth": 4})
    weights = lively(source)
    found = inherit(deep, source, weights, 0)
    name = "chain.1.conv.weight"
    for unit, of in enumerate((0, 1, 1, 1)):
        own = found.weights[f"backbone.stages.3.{unit}.{name}"]
        assert torch.equal(own, weights[f"backbone.stages.3.{of}.{name}"])
    assert origins(found, "backbone.stages.3.2") == {"repeated"}
    back = inherit(source, deep, found.weights, 0)
    assert back.counts() == {"copied": len(weights)}
    assert not back.is_exact


def test_kernels_keep_their_middle():
    five = torch.arange(25.0).reshape(1, 1, 5, 5)
    assert kernel_of(five, (3, 3)).flatten().tolist() == [6, 7, 8, 11, 12, 13, 16, 17, 18]
    seven = kernel_of(five, (7, 7))
    assert torch.equal(kernel_of(seven, (5, 5)), five)
    assert seven.sum() == five.sum()


def test_channels_of_concatenated_maps_stay_in_their_map():
    assert channel_map((2, 3), (4, 2)).tolist() == [0, 1, 0, 1, 2, 3]
    assert channel_map((2, 2), (2, 2, 3)).tolist() == [0, 1, 2, 3, 2, 3, 2]


def test_stages_of_another_kind_of_block_stay_fresh():
    found = inherit(detector("ns"), detector("t"), lively(detector("t")), 0)
    assert origins(found, "backbone") == {"fresh"}
    assert origins(found, "head") > {"cut"}


def test_fresh_values_depend_on_the_seed_alone():
    source = detector("t")
    weights = lively(source)
    found = [inherit(detector("ns"), source, weights, seed).weights for seed in (0, 0, 1)]
    name = "backbone.stages.0.conv.weight"
    assert torch.equal(found[0][name], found[1][name])
    assert not torch.equal(found[0][name], found[2][name])


def test_weights_of_another_detector_are_refused():
    with pytest.raises(SpecError, match=r"its weights: .*, the detector has"):
        inherit(detector("ns"), detector("nm"), lively(detector("ns")), 0, "its weights")
