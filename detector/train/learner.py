"""The module that is trained: the detector and, in distillation, the feature loss."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from maenas.detector.distill import Teaching
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.levels import at_levels
from maenas.detector.model.raw_level import RawLevel

Forward = tuple[list[RawLevel], Tensor | None]


class Learner(nn.Module):
    """The forward pass of a step as one module, so that DDP synchronises all of its gradients.

    Args:
        network: detector to train.
        teaching: teacher and feature loss; None to train without.
    """

    def __init__(self, network: DetectorNetwork, teaching: Teaching | None = None) -> None:
        super().__init__()
        self.network = network
        self.feature_loss = None if teaching is None else teaching.loss
        self._options = None if teaching is None else teaching.options
        self._is_compiled = False

    def compile_once(self) -> None:
        """Compile the forward pass from the next call on."""
        if not self._is_compiled:
            self.compile()
            self._is_compiled = True

    def forward(self, images: Tensor, teacher_maps: Sequence[Tensor] = ()) -> Forward:
        """Logits of each level, and the feature loss if there is a teacher.

        Args:
            images: (B, 3, H, W), inputs of the network.
            teacher_maps: feature maps of the teacher for these images.
        """
        if self.feature_loss is None or self._options is None:
            return self.network(images), None
        levels, maps = self.network.with_maps(images)
        chosen = at_levels(maps[self._options.features], self._options.levels)
        return levels, self.feature_loss(chosen, teacher_maps)
