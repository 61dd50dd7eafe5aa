"""Weights of a detector that is to read images of another number of channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from maenas.detector.model.spec import DetectorSpec


def with_channels(
    spec: DetectorSpec, weights: Mapping[str, Tensor], channels: int
) -> tuple[DetectorSpec, dict[str, Tensor]]:
    """A detector for images of another number of channels, and its weights.

    Of grey images it gives the same outputs as before, rounding apart. From three channels to one,
    a layer that reads the image gets the sum of its weights over the channels; from one to three,
    a third of its weights for each channel.

    Args:
        spec: detector that the weights belong to.
        weights: weights in training form.
        channels: number of channels of the images to read.
    """
    before = spec.backbone.in_shape[0]
    if channels == before:
        return spec, dict(weights)
    in_shape = (channels, *spec.backbone.in_shape[1:])
    other = replace(spec, backbone=replace(spec.backbone, in_shape=in_shape))
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in other.build().state_dict().items()}
    read = dict(weights)
    for name, value in weights.items():
        if name in shapes and _reads_images(value.shape, shapes[name], before, channels):
            read[name] = _spread(value, before, channels)
    return other, read


def _reads_images(there: torch.Size, here: torch.Size, before: int, channels: int) -> bool:
    """Whether two shapes of a convolution differ by the channels of the images alone."""
    if len(there) != 4 or len(here) != 4 or there[1] % before:
        return False
    return here == (there[0], there[1] // before * channels, *there[2:])


def _spread(value: Tensor, before: int, channels: int) -> Tensor:
    """The weights of a convolution that reads images, (out, N * before, h, w), for other images.

    N is 1, or the number of pixels that a space-to-depth layer puts side by side.
    """
    out, inputs, *kernel = value.shape
    each = value.reshape(out, inputs // before, before, *kernel).sum(2, keepdim=True) / channels
    return each.expand(-1, -1, channels, *kernel).reshape(out, -1, *kernel).contiguous()
