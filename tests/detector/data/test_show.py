"""Sheets of batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maenas.detector.data.batch import Batch
from maenas.detector.data.show import columns_of, sheet
from maenas.detector.media.label_text import READABLE, class_colour


def test_a_sheet_shows_every_image_with_its_boxes():
    boxes = torch.zeros(5, 2, 4)
    boxes[:, 0] = torch.tensor([8, 20, 56, 60])
    valid, ignored = torch.zeros(5, 2, dtype=torch.bool), torch.zeros(5, 2, dtype=torch.bool)
    valid[:, 0] = True
    levels = torch.arange(5)[:, None, None, None] * 50
    images = levels.expand(5, 3, 64, 64).to(torch.uint8)
    labels = torch.zeros(5, 2, dtype=torch.int64)
    shown = sheet(Batch(images, boxes, labels, valid, ignored, tuple(range(5))), ["cat"])
    side, times = READABLE, READABLE // 64
    assert shown.shape == (2 * side, 3 * side, 3)  # two rows of three, one place free
    for index in range(5):
        left, top = index % 3 * side, index // 3 * side
        assert (shown[top + 2, left + 2] == index * 50).all()
        np.testing.assert_array_equal(
            shown[top + 60 * times - 1, left + 30 * times], class_colour(0)
        )
    assert (shown[side:, 2 * side :] == 255).all()


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (6, 3), (8, 4), (9, 3), (16, 4)]
)
def test_a_grid_is_nearly_square_and_full_where_it_can_be(count: int, columns: int) -> None:
    assert columns_of(count) == columns


def test_a_sheet_is_not_larger_than_a_screen():
    batch = Batch(
        torch.zeros(9, 3, 64, 64, dtype=torch.uint8),
        *(torch.zeros(9, 0, 4), torch.zeros(9, 0, dtype=torch.int64)),
        *(torch.zeros(9, 0, dtype=torch.bool) for _ in range(2)),
        image_ids=tuple(range(9)),
    )
    assert sheet(batch, [], longest=96).shape == (96, 96, 3)
