"""Scores of untrained networks that need gradients or perturbed passes, for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from maenas.blocks import Backbone
from maenas.blocks.errors import positive

Shape = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class OnRandomImages:
    """A score of an untrained network that sees N(0, 1) pixels.

    Attributes:
        batch: number of images.
        side: largest height and width of the images in pixels.
    """

    name: ClassVar[str]
    batch: int = 16
    side: int = 128

    def __post_init__(self) -> None:
        positive(self.name, batch=self.batch, side=self.side)

    def shape(self, backbone: Backbone) -> Shape:
        """(images, channels, height, width) of the batch."""
        return batch_shape(backbone, self.batch, self.side)


@dataclass(frozen=True, slots=True)
class SynFlow:
    """Synaptic flow: ln of the sum of weight times gradient in a network of absolute weights.

    The deployed network without biases sees an image of ones, and the gradient is that of the sum
    of its last map. It needs no data, so the seed decides the initial weights alone.

    Attributes:
        side: largest height and width of the image in pixels.

    Source: Pruning neural networks without any data, https://arxiv.org/abs/2006.05467, equation 1;
    the logarithm is ours.
    """

    name: ClassVar[str] = "synflow"
    side: int = 128

    def __post_init__(self) -> None:
        positive(self.name, side=self.side)

    def __call__(self, backbone: Backbone, seed: int) -> float:
        """The score of one network with random weights; higher is better."""
        from maenas.nas.scores.gradient_passes import synflow  # loads torch

        return synflow(backbone, batch_shape(backbone, 1, self.side), seed)


@dataclass(frozen=True, slots=True)
class Zen(OnRandomImages):
    """Zen-score: how much a random network reacts to a perturbed image, with its BatchNorm scales.

    ln of the mean absolute difference of the last maps of x and x + 0.01 n, plus the sum of ln of
    the standard deviations that BatchNorm divides by. Weights and images are N(0, 1). Shortcuts are
    kept, whereas the authors remove them.

    Source: Zen-NAS, https://arxiv.org/abs/2102.01063, algorithm 1.
    """

    name: ClassVar[str] = "zen"

    def __call__(self, backbone: Backbone, seed: int) -> float:
        """The score of one random network; higher is better."""
        from maenas.nas.scores.gradient_passes import zen  # loads torch

        return zen(backbone, self.shape(backbone), seed)


@dataclass(frozen=True, slots=True)
class ZiCo:
    """ZiCo: sum over convolutions of ln of the sum over weights of mean |g| over std of g.

    g are gradients in several batches of a cross entropy between a random linear classifier of the
    pooled last map and random labels. Images are N(0, 1) pixels, whereas the authors take images
    and labels of the data set.

    Attributes:
        batches: number of batches.
        batch: number of images of a batch.
        side: largest height and width of the images in pixels.

    Source: ZiCo, https://arxiv.org/abs/2301.11300, equation 16.
    """

    name: ClassVar[str] = "zico"
    batches: int = 4
    batch: int = 8
    side: int = 128

    def __post_init__(self) -> None:
        positive(self.name, batches=self.batches, batch=self.batch, side=self.side)

    def __call__(self, backbone: Backbone, seed: int) -> float:
        """The score of one network with random weights; higher is better."""
        from maenas.nas.scores.gradient_passes import zico  # loads torch

        return zico(backbone, batch_shape(backbone, self.batch, self.side), self.batches, seed)


def batch_shape(backbone: Backbone, batch: int, side: int) -> Shape:
    """(images, channels, height, width) of a batch of small images."""
    channels, height, width = backbone.in_shape
    return batch, channels, min(height, side), min(width, side)
