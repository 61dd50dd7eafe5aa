"""Mixup: the mean of two images, with the objects of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.random import Generator

from maenas.detector.data.augment.flip import flip
from maenas.detector.data.labelled import Labelled, annotated_in_all, clip
from maenas.detector.media.resize import FILL, placement_of, resized

MIN_AREA = 4.0  # square pixels; smaller boxes are dropped afterwards


@dataclass(frozen=True, slots=True)
class Mix:
    """One random draw of how mixup places the second image over the first.

    Attributes:
        scale: factor on the second image's sides, after it was fitted into the input.
        flipped: whether the second image is flipped left to right.
        corner: (x, y) in 0..1, position of the crop if the image is larger than the input.
    """

    scale: float
    flipped: bool
    corner: tuple[float, float]


def draw_mix(rng: Generator, scale: tuple[float, float]) -> Mix:
    """Draw a mix whose scale lies within the limits."""
    return Mix(rng.uniform(*scale), bool(rng.random() < 0.5), (rng.random(), rng.random()))


def overlay(scene: Labelled, image: tuple[int, int], mix: Mix, room: tuple[int, int]) -> Labelled:
    """The second image of a mixup, resized and padded to the input: (C, *room).

    The image is letterboxed with grey, then scaled by `mix.scale` and perhaps flipped. The result
    lies at the top left corner: it is cropped where larger than the input and padded with black
    where smaller.

    Args:
        scene: the image and its objects, at any resolution.
        image: (height, width) of the image file.
        mix: drawn mix.
        room: (height, width) of the input.
    """
    size = _times(room, mix.scale)
    whole = torch.full((len(scene.pixels), *size), int(FILL), dtype=torch.uint8)
    height, width = _times(placement_of(image, room, "letterbox").placed, mix.scale)
    whole[:, :height, :width] = resized(scene.pixels.permute(1, 2, 0).numpy(), (height, width))
    factors = np.array([width / scene.size[1], height / scene.size[0]] * 2, dtype=np.float32)
    laid = replace(scene, pixels=whole, boxes=scene.boxes * factors, outlines=())
    return _cut(flip(laid) if mix.flipped else laid, mix, room)


def _times(size: tuple[int, int], factor: float) -> tuple[int, int]:
    height, width = (max(1, round(side * factor)) for side in size)
    return height, width


def blend(first: Labelled, second: Labelled) -> Labelled:
    """The mean of two images of one size, with the objects of both except tiny boxes.

    A class is annotated if it is in both.
    """
    half = torch.add(first.pixels.to(torch.int16), second.pixels).add_(1)
    both = Labelled(
        half.bitwise_right_shift_(1).to(torch.uint8),  # rounded
        np.concatenate((first.boxes, second.boxes)),
        np.concatenate((first.labels, second.labels)),
        np.concatenate((first.crowd, second.crowd)),
        annotated=annotated_in_all((first, second)),
    )
    sides = both.boxes[:, 2:] - both.boxes[:, :2]
    return both.keep(sides[:, 0] * sides[:, 1] > MIN_AREA)


def _cut(scene: Labelled, mix: Mix, room: tuple[int, int]) -> Labelled:
    """The scene cropped to the input where larger, padded with black where smaller."""
    height, width = scene.size
    x = int(mix.corner[0] * (max(width - room[1], 0) + 1))
    y = int(mix.corner[1] * (max(height - room[0], 0) + 1))
    part = scene.pixels[:, y : y + room[0], x : x + room[1]]
    pixels = torch.zeros((len(part), *room), dtype=torch.uint8)
    pixels[:, : part.shape[1], : part.shape[2]] = part
    shift = np.array([x, y, x, y], dtype=np.float32)
    return replace(scene, pixels=pixels, boxes=clip(scene.boxes - shift, room), outlines=())
