"""Training of a one-to-one head."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maenas.detector import ZeroHead
from maenas.detector.assign import AlignOTA, OneToOne, padded_targets
from maenas.detector.losses import LossWeights, detection_loss
from maenas.detector.model.decode import decode
from maenas.detector.ops.nms import nms
from maenas.detector.train import Learner
from maenas.testing.scenes import scene
from tests.small_detector import SIDE, one_to_one_spec


def test_the_part_of_the_branch_is_the_same_loss_with_one_prior_for_each_object() -> None:
    many, one = scene("ignore regions"), scene("some objects", seed=3)
    targets, assign = many.targets, AlignOTA()
    weights = LossWeights(giou=1.0, one_to_one=0.5)

    found = detection_loss(many.levels, targets, assign, one_to_one=one.levels, weights=weights)

    alone = detection_loss(one.levels, targets, OneToOne(assign), weights=weights)
    expected = detection_loss(many.levels, targets, assign, weights=weights)
    assert found.pop("one_to_one").item() == pytest.approx(0.5 * sum(alone.values()).item())
    assert {name: part.item() for name, part in found.items()} == {
        name: part.item() for name, part in expected.items()
    }


def test_the_branch_trains_backbone_and_neck_as_well_and_is_a_part_of_the_loss() -> None:
    torch.manual_seed(0)
    learner = Learner(one_to_one_spec().build().train())
    targets = padded_targets([torch.tensor([[4.0, 4, 28, 28]])] * 2, [torch.tensor([0])] * 2)
    levels, single, _ = learner(torch.rand(2, 3, SIDE, SIDE) * 255)
    detection_loss(levels, targets, AlignOTA(), one_to_one=single)["one_to_one"].backward()
    idle = {
        name.removeprefix("network.").split(".")[0] + "." + name.split(".")[2]
        for name, parameter in learner.named_parameters()
        if parameter.grad is None
    }
    assert idle == {"head.scores", "head.distances", "head.scales"}


def test_it_learns_to_find_each_object_once_where_the_other_branch_needs_nms() -> None:
    torch.manual_seed(0)
    spec = ZeroHead(num_classes=3, reg_max=4, one_to_one=True)
    before = nn.Sequential(
        nn.Conv2d(3, 24, 8, stride=8), nn.SiLU(), nn.Conv2d(24, 24, 3, padding=1), nn.SiLU()
    )
    head = spec.build([24])
    images = torch.zeros(2, 3, SIDE, SIDE)
    images[0, 0, 4:28, 4:28] = images[0, 2, 30:58, 34:60] = 1
    images[1] = images[0].flip(-1)
    left = torch.tensor([[4.0, 4, 28, 28], [34, 30, 60, 58]])
    right = torch.tensor([[36.0, 4, 60, 28], [4, 30, 30, 58]])
    targets = padded_targets([left, right], [torch.tensor([0, 2])] * 2)
    parameters = [*before.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-2)
    for _ in range(50):
        maps = [before(images)]
        levels, single = head.one_to_many(maps), head(maps)
        parts = detection_loss(levels, targets, AlignOTA(), one_to_one=single, strides=(8,))
        optimizer.zero_grad()
        sum(parts.values()).backward()
        optimizer.step()

    found, many = (
        [nms(*maps, 0.4, max_iou=1.0) for maps in zip(*decode(outputs, (8,)), strict=True)]
        for outputs in (single, levels)
    )

    for each, boxes in zip(found, (left, right), strict=True):
        assert each.classes.sort().values.tolist() == [0, 2]
        torch.testing.assert_close(each.boxes[each.classes.argsort()], boxes, rtol=0, atol=4.0)
    assert min(len(each.scores) for each in many) > 4
