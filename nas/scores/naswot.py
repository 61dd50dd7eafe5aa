"""NASWOT, a score of untrained networks that needs a forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from maenas.blocks import Backbone
from maenas.blocks.errors import positive


@dataclass(frozen=True, slots=True)
class Naswot:
    """How differently an untrained network treats the images of a batch: log |det K|.

    Each unit with an activation is on or off for an image. K[i, j] counts the units that are in
    the same state for images i and j, so the determinant is large if the images differ.
    The network has its initial weights and BatchNorm in training mode. The images are N(0, 1)
    pixels, whereas the paper takes images of the data set.

    Attributes:
        batch: number of images.
        side: largest height and width of the images in pixels; a network with a smaller input
            gets images of that size.
    Raises:
        SpecError: if a number is not positive.

    Source: Neural Architecture Search without Training, https://arxiv.org/abs/2006.04647, section
    3.
    """

    name: ClassVar[str] = "naswot"
    batch: int = 16
    side: int = 128

    def __post_init__(self) -> None:
        positive(self.name, batch=self.batch, side=self.side)

    def __call__(self, backbone: Backbone, seed: int) -> float:
        """The score of one network with random weights, from one forward pass.

        Args:
            backbone: candidate to score.
            seed: random seed of weights and images.
        Raises:
            SpecError: if the network has no activations.
        """
        from maenas.nas.scores.naswot_forward import naswot  # loads torch

        channels, height, width = backbone.in_shape
        shape = (self.batch, channels, min(height, self.side), min(width, self.side))
        return naswot(backbone, shape, seed)
