"""What learns: the detector, and the projections to its teacher while there is one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from detector.distill import Teaching
from detector.layers.box_head import RawLevel
from detector.layers.network import DetectorNetwork

Forward = tuple[list[RawLevel], Tensor | None]


class Learner(nn.Module):
    """The forward pass of a step as one module, so that processes exchange all gradients of it.

    Args:
        network: the detector.
        teaching: by whom; None to learn alone.
    """

    def __init__(self, network: DetectorNetwork, teaching: Teaching | None = None) -> None:
        super().__init__()
        self.network = network
        self.feature_loss = None if teaching is None else teaching.loss
        self._options = None if teaching is None else teaching.options

    def forward(self, pictures: Tensor, goals: Sequence[Tensor] = ()) -> Forward:
        """Logits of each level, and the feature loss if there is a teacher.

        Args:
            pictures: (B, 3, H, W), as the network takes them.
            goals: the teacher's maps of them.
        """
        if self.feature_loss is None or self._options is None:
            return self.network(pictures), None
        levels, maps = self.network.with_maps(pictures)
        chosen = [maps[self._options.features][level - 3] for level in self._options.levels]
        return levels, self.feature_loss(chosen, goals)
