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
from maenas.detector.checkpoints.pairs import JoinedMap, counterparts
from maenas.detector.model.spec import DetectorSpec, assemble

SIDE = 64


def joined(widths: Mapping[str, int]) -> tuple[JoinedMap, ...]:
    """Concatenated maps, each of a kind of its own."""
    return tuple(JoinedMap(name, name, channels) for name, channels in widths.items())


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
    source = joined({"c4 keep": 2, "c5 up": 3})
    assert channel_map(source, joined({"c4 keep": 4, "c5 up": 2})).tolist() == [0, 1, 0, 1, 2, 3]
    more = joined({"c3 down": 1, "c5 up": 2, "c4 keep": 2})
    assert channel_map(source, more).tolist() == [-1, 2, 3, 0, 1]


def test_a_map_without_its_name_in_the_source_gets_one_of_its_kind_that_is_left():
    five, above = JoinedMap("c5 up", "level 2 up", 1), JoinedMap("p5_td up", "level 2 up", 1)
    four = JoinedMap("c4 keep", "level 1 keep", 1)
    assert counterparts([four, five], [four, above]) == [0, 1]
    assert counterparts([four, above, five], [four, five]) == [0, None, 1]


def with_neck(spec: DetectorSpec, **changes: Any) -> DetectorSpec:
    return replace(spec, neck=replace(spec.neck, **changes))


def test_a_neck_without_downward_connections_reads_the_same_maps():
    """Ns merges c4 (80 channels), c3 from below (40) and p5_td from above (160) at p4_td."""
    source = detector("ns")
    target = with_neck(source, extra_downsampling=False)
    weights = lively(source)
    found = inherit(target, source, weights, 0)
    name = "neck.parts.p4_td.start.conv.weight"
    c4, above = weights[name][:, :80], weights[name][:, 120:]
    assert torch.equal(found.weights[name], torch.cat([c4, above], dim=1))
    name = "neck.parts.p5.start.conv.weight"  # c5 in place of p5_td, and p4, which Ns reads last
    top, p4 = weights[name][:, :160], weights[name][:, 240:]
    assert torch.equal(found.weights[name], torch.cat([top, p4], dim=1))
    assert origins(found, "neck.parts.p4_td.start.conv") == {"cut"}
    back = inherit(source, target, found.weights, 0)
    assert torch.equal(
        back.weights[name], torch.cat([top, torch.zeros_like(weights[name][:, 160:240]), p4], dim=1)
    )
    assert {each.origin for each in back.tensors if each.name == name} == {"padded"}


@pytest.mark.parametrize("fusion", ["csp_rep_elan", "csp_rep"])
def test_a_deeper_neck_computes_the_same_where_the_outputs_of_all_blocks_are_merged(fusion):
    deep = with_neck(detector("ns"), depth=3)
    source = with_neck(detector("ns"), depth=2, fusion=fusion)
    weights = lively(source)
    found = inherit(deep, source, weights, 0)
    expected = outputs(source, weights)
    for ours, theirs in zip(outputs(found.spec, found.weights), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_tensor_of_the_same_shape_for_maps_of_other_widths_is_no_copy():
    source = detector("ns", s2={"out_channels": 40}, s4={"out_channels": 80})
    target = detector("ns", s2={"out_channels": 64}, s4={"out_channels": 56})
    found = inherit(target, source, lively(source), 0)
    name = "neck.parts.p3.around.conv.weight"
    (tensor,) = (each for each in found.tensors if each.name == name)
    assert tensor.shape == tensor.source_shape
    assert tensor.origin == "repeated"


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
