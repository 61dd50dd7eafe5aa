"""The parts of AZ-NAS that look at the maps of an untrained network, for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from maenas.blocks import Backbone
from maenas.nas.scores.gradient_proxies import OnRandomImages


@dataclass(frozen=True, slots=True)
class Expressivity(OnRandomImages):
    """How many directions the features of each unit use, summed over the units.

    The pixels of all maps of a unit are points with one coordinate a channel. The entropy of the
    shares of variance along their principal axes is 0 if all lie on a line, and ln C if they spread
    equally in all C directions. Weights are those of He et al. for ReLU, images N(0, 1) pixels.

    Source: AZ-NAS, https://arxiv.org/abs/2403.19232, section 3.1.
    """

    name: ClassVar[str] = "expressivity"

    def __call__(self, backbone: Backbone, seed: int) -> float:
        """The score of one network with random weights; higher is better."""
        from maenas.nas.scores.az_nas_passes import entropies  # loads torch

        return sum(entropies(backbone, self.shape(backbone), seed))


@dataclass(frozen=True, slots=True)
class Progressivity(OnRandomImages):
    """The smallest gain in expressivity from one unit to the next; see `Expressivity`.

    Source: AZ-NAS, https://arxiv.org/abs/2403.19232, section 3.1.
    """

    name: ClassVar[str] = "progressivity"

    def __call__(self, backbone: Backbone, seed: int) -> float:
        """The score of one network with random weights; higher is better.

        Raises:
            SpecError: if the network has one unit only.
        """
        from maenas.nas.scores.az_nas_passes import smallest_gain  # loads torch

        return smallest_gain(backbone, self.shape(backbone), seed)


@dataclass(frozen=True, slots=True)
class Trainability(OnRandomImages):
    """How little the units stretch or shrink a gradient: the mean of 2 - s - 1 / s.

    s is the largest singular value of an estimate of the Jacobian of a unit, the mean over pixels
    of the product of a random gradient of -1 and 1 at its output and what arrives at its input; 0
    is the best value, where s is 1.

    Source: AZ-NAS, https://arxiv.org/abs/2403.19232, section 3.1.
    """

    name: ClassVar[str] = "trainability"

    def __call__(self, backbone: Backbone, seed: int) -> float:
        """The score of one network with random weights; higher is better.

        Raises:
            SpecError: if the network has one unit only.
        """
        from maenas.nas.scores.az_nas_passes import trainability  # loads torch

        return trainability(backbone, self.shape(backbone), seed)
