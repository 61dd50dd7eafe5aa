"""Sheets of batches."""

from __future__ import annotations

import numpy as np
import torch

from detector.data.batch import Batch
from detector.data.show import sheet
from detector.draw import class_colour


def test_a_sheet_shows_every_picture_with_its_boxes():
    boxes = torch.zeros(5, 2, 4)
    boxes[:, 0] = torch.tensor([8, 20, 56, 60])
    valid, ignored = torch.zeros(5, 2, dtype=torch.bool), torch.zeros(5, 2, dtype=torch.bool)
    valid[:, 0] = True
    levels = torch.arange(5)[:, None, None, None] * 50
    pictures = levels.expand(5, 3, 64, 64).to(torch.uint8)
    labels = torch.zeros(5, 2, dtype=torch.int64)
    shown = sheet(Batch(pictures, boxes, labels, valid, ignored, tuple(range(5))), ["cat"])
    assert shown.shape == (128, 192, 3)  # two rows of three, one place free
    for place in range(5):
        left, top = place % 3 * 64, place // 3 * 64
        assert (shown[top + 2, left + 2] == place * 50).all()
        np.testing.assert_array_equal(shown[top + 59, left + 30], class_colour(0))
    assert (shown[64:, 128:] == 0).all()


def test_a_sheet_is_not_larger_than_a_screen():
    batch = Batch(
        torch.zeros(9, 3, 64, 64, dtype=torch.uint8),
        *(torch.zeros(9, 0, 4), torch.zeros(9, 0, dtype=torch.int64)),
        *(torch.zeros(9, 0, dtype=torch.bool) for _ in range(2)),
        image_ids=tuple(range(9)),
    )
    assert sheet(batch, [], longest=96).shape == (96, 96, 3)
