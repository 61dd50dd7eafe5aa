"""The module that is trained: the detector and, in distillation, the feature loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from maenas.detector.distill import Teaching
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.levels import at_levels
from maenas.detector.model.raw_level import RawLevel


class Forward(NamedTuple):
    """The outputs of a forward pass in training.

    Attributes:
        levels: logits of each level; of a one-to-one head, those of its one-to-many branch.
        one_to_one: logits of the one-to-one branch; None without one.
        feature: feature loss, 0-D; None without a teacher.
    """

    levels: list[RawLevel]
    one_to_one: list[RawLevel] | None
    feature: Tensor | None


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
        """Logits of each branch and level, and the feature loss if there is a teacher.

        The gradients of both branches reach the neck. YOLOv10 detaches its one-to-one branch, which
        has convolutions of its own to tell the best anchor point of an object from its neighbours.
        A ZeroHead is one linear layer: only the neck can make that difference visible to it.

        Args:
            images: (B, 3, H, W), inputs of the network.
            teacher_maps: feature maps of the teacher for these images.
        """
        head = self.network.head
        if self.feature_loss is None and head.one_to_one is None:
            return Forward(self.network(images), None, None)
        maps = self.network.maps(images)
        levels = head.one_to_many(maps["neck"])
        single = None if head.one_to_one is None else head.one_to_one(maps["neck"])
        if self.feature_loss is None or self._options is None:
            return Forward(levels, single, None)
        chosen = at_levels(maps[self._options.features], self._options.levels)
        return Forward(levels, single, self.feature_loss(chosen, teacher_maps))
