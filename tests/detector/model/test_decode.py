"""Decoding against plain loops."""

from __future__ import annotations

import math

import torch

from maenas.detector.model.decode import anchor_points, decode, expected_distances
from maenas.detector.model.raw_level import RawLevel

SIZES = ((6, 4), (3, 2), (1, 1))  # not square: rows and columns must not change places
STRIDES = (8, 16, 32)
CLASSES, BINS = 3, 5


def test_points_are_the_top_left_corners_of_cells_row_by_row() -> None:
    points, strides = anchor_points(((2, 3), (1, 1)), (8, 16), torch.zeros(1))
    assert points.tolist() == [[0, 0], [8, 0], [16, 0], [0, 8], [8, 8], [16, 8], [0, 0]]
    assert strides.flatten().tolist() == [8] * 6 + [16]


def test_a_distance_is_the_mean_over_its_bins() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0], [-1e9, -1e9, 0.0], [math.log(3), 0.0, -1e9]])
    # each bin alike: 1; all on the last: 2; three to one on the first two: 1/4
    torch.testing.assert_close(expected_distances(logits), torch.tensor([1.0, 2.0, 0.25]))


def test_scores_and_boxes_are_those_of_plain_loops() -> None:
    torch.manual_seed(0)
    levels = [
        RawLevel(torch.randn(2, CLASSES, *size), torch.randn(2, 4 * BINS, *size)) for size in SIZES
    ]
    scores, boxes = decode(levels, STRIDES)
    for image in range(2):
        expected_scores, expected_boxes = slow_decode(levels, image)
        torch.testing.assert_close(scores[image], torch.tensor(expected_scores))
        torch.testing.assert_close(boxes[image], torch.tensor(expected_boxes))


def slow_decode(levels: list[RawLevel], image: int) -> tuple[list[list[float]], list[list[float]]]:
    """The definition, position by position."""
    scores, boxes = [], []
    for level, (height, width), stride in zip(levels, SIZES, STRIDES, strict=True):
        for row in range(height):
            for column in range(width):
                logits = level.scores[image, :, row, column].tolist()
                scores.append([1 / (1 + math.exp(-logit)) for logit in logits])
                sides = level.distances[image, :, row, column].tolist()
                left, top, right, bottom = (
                    stride * mean_bin(sides[side * BINS : (side + 1) * BINS]) for side in range(4)
                )
                x, y = column * stride, row * stride
                boxes.append([x - left, y - top, x + right, y + bottom])
    return scores, boxes


def mean_bin(logits: list[float]) -> float:
    """The mean of bin numbers under the softmax of their logits."""
    weights = [math.exp(logit) for logit in logits]
    return sum(bin_ * weight for bin_, weight in enumerate(weights)) / sum(weights)
