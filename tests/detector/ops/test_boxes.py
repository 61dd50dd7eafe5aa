"""Boxes against boxes and points, by hand and against torchvision."""

from __future__ import annotations

import pytest
import torch
from torchvision import ops

from maenas.detector.ops.boxes import centres, depth_inside, paired_giou, paired_iou, pairwise_iou


def some_boxes(count: int) -> torch.Tensor:
    corners = torch.rand(count, 4, generator=torch.Generator().manual_seed(count)) * 100
    return torch.cat((corners[:, :2], corners[:, :2] + corners[:, 2:]), dim=1)


def test_iou_is_that_of_torchvision() -> None:
    boxes, others = some_boxes(7), some_boxes(11)
    expected = ops.box_iou(boxes, others)
    torch.testing.assert_close(pairwise_iou(boxes[None], others[None])[0], expected)
    torch.testing.assert_close(paired_iou(boxes, others[:7]), expected.diagonal())


def test_giou_is_that_of_torchvision() -> None:
    boxes, others = some_boxes(7), some_boxes(8)[:7]
    expected = ops.generalized_box_iou(boxes, others).diagonal()
    torch.testing.assert_close(paired_giou(boxes, others), expected)


def test_giou_of_boxes_that_do_not_meet_counts_the_gap() -> None:
    one, other = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([3.0, 0.0, 4.0, 1.0])
    assert paired_giou(one, other).item() == -0.5  # 0 - (4 - 2) / 4


def test_boxes_without_area_have_no_overlap_and_a_gradient() -> None:
    flat = torch.tensor([[5.0, 5.0, 5.0, 5.0]], requires_grad=True)
    assert paired_iou(flat, flat).item() == 0
    giou = paired_giou(flat, flat.detach())
    giou.sum().backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


@pytest.mark.parametrize(
    ("point", "depth"), [((3.0, 4.0), 2.0), ((1.0, 5.0), 0.0), ((0.0, 5.0), -1.0)]
)
def test_depth_is_the_distance_to_the_nearest_side(point, depth) -> None:
    box = torch.tensor([[1.0, 2.0, 9.0, 10.0]])
    assert depth_inside(torch.tensor([point]), box).tolist() == [[depth]]
    assert centres(box).tolist() == [[5.0, 6.0]]
