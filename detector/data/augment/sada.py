"""SADA: a learned augmentation policy that changes colours and shapes around some boxes.

Source: Chen et al., Scale-aware Automatic Augmentation for Object Detection, CVPR 2021,
https://arxiv.org/abs/2103.17220; the policy is that of DAMO-YOLO (Apache-2.0).

One deliberate difference: here the label of a translated copy is the box of the copy. DAMO-YOLO
moves that box back towards the image even where nothing was copied, so some of its labels mark
background.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from maenas.detector.arrays import Floats
from maenas.detector.data.augment.affine import Rectangle
from maenas.detector.data.augment.gaussian import limits_of, window
from maenas.detector.data.augment.sada_colour import COLOUR_OPS
from maenas.detector.data.augment.sada_geometry import MOVES, changed, laid_over, places_of_copy
from maenas.detector.data.labelled import Labelled, areas_of, levels

Indices = NDArray[np.int64]

# Probability of choosing a box, divided below by size: small, middle, large.
BOX_CHANCE = 0.3
COLOUR_CHANCES = tuple(BOX_CHANCE * share / 13 for share in (7, 5, 1))
GEOMETRIC_CHANCES = tuple(BOX_CHANCE * share / 3 for share in (1, 1, 1))


@dataclass(frozen=True, slots=True)
class PolicyOp:
    """One operation of a sub-policy.

    Attributes:
        name: key of `COLOUR_OPS` or `GEOMETRIC_OPS`.
        chance: probability of use on an image at the end of training, 0..1.
        level: strength, 0 to 10.
    """

    name: str
    chance: float
    level: int


# One pair is drawn for an image: colour, geometry.
POLICY: tuple[tuple[PolicyOp, PolicyOp], ...] = (
    (PolicyOp("colour", 0.4, 2), PolicyOp("translate_x", 0.4, 4)),
    (PolicyOp("brightness", 0.2, 4), PolicyOp("rotate", 0.4, 2)),
    (PolicyOp("sharpness", 0.4, 2), PolicyOp("shear_x", 0.2, 6)),
    (PolicyOp("solarize_add", 0.2, 2), PolicyOp("hflip", 0.5, 1)),
    (PolicyOp("colour", 0.0, 8), PolicyOp("translate_y", 0.2, 8)),
)


def sada(scene: Labelled, rng: Generator, progress: float) -> Labelled:
    """The image after one randomly drawn sub-policy of `POLICY`.

    Crowd regions are never chosen. Each copy that a translation makes gets its own label.

    Args:
        scene: image at the size of the network's input.
        rng: random generator for all draws.
        progress: progress of the training, 0..1; scales the probability of each operation.
    """
    colour, geometry = POLICY[rng.integers(len(POLICY))]
    if rng.random() < colour.chance * progress:
        chosen = draw_boxes(scene, COLOUR_CHANCES, rng)
        if len(chosen):
            scene = recolour(scene, chosen, colour)
    if rng.random() < geometry.chance * progress:
        chosen = draw_boxes(scene, GEOMETRIC_CHANCES, rng)
        signs = np.where(rng.random(len(chosen)) < 0.5, -1, 1)
        if len(chosen):
            scene = reshape(scene, chosen, signs, geometry)
    return scene


def draw_boxes(scene: Labelled, chances: tuple[float, ...], rng: Generator) -> Indices:
    """Draw the indices of the chosen boxes, each with the probability of its size class."""
    areas = areas_of(scene.boxes)
    small, middle, _ = limits_of(scene.size)
    of_size = np.array(chances)[(areas >= small).astype(int) + (areas >= middle)]
    drawn = rng.random(len(areas)) < of_size
    chosen: Indices = np.flatnonzero(drawn & ~scene.crowd)
    return chosen


def recolour(scene: Labelled, chosen: Indices, operation: PolicyOp) -> Labelled:
    """The scene with the colour operation blended in around the chosen boxes."""
    pixels = merged(_floats(scene.pixels), scene.boxes[chosen], operation)
    return replace(scene, pixels=_levels(pixels))


def merged(pixels: Tensor, boxes: Floats, operation: PolicyOp) -> Tensor:
    """(C, H, W), floats in 0..1: recoloured where a box's window is 1, unchanged where it is 0."""
    height, width = pixels.shape[-2:]
    through = window(boxes, (height, width)).clamp_(0, 1)
    return torch.lerp(pixels, COLOUR_OPS[operation.name](pixels, operation.level), through)


def reshape(scene: Labelled, chosen: Indices, signs: Indices, operation: PolicyOp) -> Labelled:
    """The scene with the geometric operation applied to each chosen box in turn."""
    pixels = scene.pixels.clone()
    copies: list[Rectangle] = []
    origins: list[int] = []
    for index, sign in zip(chosen.tolist(), signs.tolist(), strict=True):
        box = whole_pixels(scene.boxes[index], scene.size)
        crop = _part(pixels, box)
        if crop.numel() == 0:
            continue
        if operation.name not in MOVES:
            crop.copy_(_levels(changed(_floats(crop), operation.name, sign * operation.level)))
            continue
        source, target = places_of_copy(box, operation.name, sign * operation.level, scene.size)
        copied, under = _part(pixels, source), _part(pixels, target)
        if copied.numel() > 0:
            under.copy_(_levels(laid_over(_floats(copied), _floats(under))))
            copies.append(target)
            origins.append(index)
    return Labelled(
        pixels,
        np.concatenate((scene.boxes, np.array(copies, dtype=np.float32).reshape(-1, 4))),
        np.concatenate((scene.labels, scene.labels[origins])),
        np.concatenate((scene.crowd, scene.crowd[origins])),
        annotated=scene.annotated,
    )


def whole_pixels(box: Floats, size: tuple[int, int]) -> Rectangle:
    """Rectangle of the pixels that a box touches, within an image of (height, width)."""
    x1, y1, x2, y2 = box.tolist()
    height, width = size
    return (
        max(0, math.floor(x1)),
        max(0, math.floor(y1)),
        min(width, math.ceil(x2)),
        min(height, math.ceil(y2)),
    )


def _part(pixels: Tensor, rectangle: Rectangle) -> Tensor:
    """A view of the rectangle in the image."""
    x1, y1, x2, y2 = rectangle
    return pixels[:, y1:y2, x1:x2]


def _floats(pixels: Tensor) -> Tensor:
    """Floats in 0..1 from uint8."""
    return pixels.float().div_(255)


def _levels(pixels: Tensor) -> Tensor:
    """uint8, rounded, from floats in 0..1; changes its argument in place."""
    return levels(pixels.mul_(255))
