"""Gaussian windows over boxes, with which SADA blends its changes into an image.

Source: Chen et al., Scale-aware Automatic Augmentation for Object Detection, CVPR 2021,
https://arxiv.org/abs/2103.17220, as DAMO-YOLO (Apache-2.0) uses it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from maenas.detector.arrays import Floats

SMALL, MIDDLE, LARGE = 2048.0, 10240.0, 51200.0  # square pixels, for an image whose
SHORT_SIDE = 800.0  # short side has so many pixels
Limits = tuple[float, float, float]


def limits_of(size: tuple[int, int]) -> Limits:
    """Area limits of small, middle and large boxes in an image of (height, width)."""
    share = min(size) / SHORT_SIDE
    return SMALL * share, MIDDLE * share, LARGE * share


def spread_of(area: float, limits: Limits) -> float:
    """Area of a box's window as a multiple of the box's area."""
    small, middle, large = limits
    if area < small:
        return 6 * small / area
    if area < middle:
        return (small + middle) / area  # 2 x their mean
    return 0.4 * large / area if area < large else 0.4


def window(boxes: Floats, size: tuple[int, int]) -> Tensor:
    """(height, width), sum of the boxes' windows: about 1 in a box, above 1 where they overlap.

    Each window is exp(-(dy^2 / 2 s_y^2 + dx^2 / 2 s_x^2)), a column times a row.
    """
    height, width = size
    rows, columns = [], []
    for x1, y1, x2, y2 in boxes.tolist():
        box_height, box_width = y2 - y1, x2 - x1
        reach = spread_of(max(box_height * box_width, 1e-6), limits_of(size))
        sigma = math.sqrt(reach * height * width / (2 * math.pi))
        down = int(y1) + int(box_height) // 2
        across = int(x1) + int(box_width) // 2
        rows.append(bell(height, down, box_height / height * sigma))
        columns.append(bell(width, across, box_width / width * sigma))
    return torch.stack(rows).T @ torch.stack(columns)  # (height, N) (N, width)


def crop_window(crop: Tensor) -> Tensor:
    """(h, w), window of a crop (C, h, w) over the whole crop: 1 in the middle."""
    height, width = crop.shape[-2:]
    sigma = math.sqrt(height * width / (2 * math.pi))
    return torch.outer(bell(height, height // 2, sigma), bell(width, width // 2, sigma))


def bell(length: int, centre: int, sigma: float) -> Tensor:
    """(length,): Gaussian exp(-(i - centre)^2 / 2 sigma^2)."""
    steps = torch.arange(length, dtype=torch.float32) - centre
    return torch.exp(steps.square() / (-2 * sigma * sigma))
