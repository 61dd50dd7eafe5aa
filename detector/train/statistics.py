"""Running statistics of BatchNorm in the first steps of an untrained network."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from maenas.blocks.layers.conv_bn_act import BN_MOMENTUM


class Statistics:
    """Starts running statistics as a cumulative mean, then lets BatchNorm average exponentially.

    BatchNorm starts from mean 0 and variance 1. With DAMO-YOLO's momentum of 0.03, a part of these
    initial values remains after a hundred steps. Over sixty layers, this error is large enough
    that a well-trained detector predicts nothing. A training on COCO has 138,900 steps and shows
    no effect; a training on a small data set has few steps. Pretrained weights keep their
    statistics.

    The momentum is that of a batch, also where the gradients of several batches are accumulated. A
    momentum scaled down to that of a step averages over older weights and is less accurate: after
    28 steps of 4 batches on a small data set, the running variances are 13 % off those of the final
    weights instead of 8 %, and the means 0.055 standard deviations instead of 0.024.

    BatchNorm of frozen stages keeps its statistics and is left alone.

    Args:
        network: network before its first step, or at the step where the training resumes.
    """

    def __init__(self, network: nn.Module) -> None:
        self._norms = [
            module
            for module in network.modules()
            if isinstance(module, _NormBase) and any(p.requires_grad for p in module.parameters())
        ]
        counts = [module.num_batches_tracked for module in self._norms]
        self._seen = min((int(count) for count in counts if count is not None), default=0)

    def before_forward(self) -> None:
        """Set the momentum for the next batch."""
        if 1 / (self._seen + 1) >= BN_MOMENTUM / 2:
            for module in self._norms:
                module.momentum = max(BN_MOMENTUM, 1 / (self._seen + 1))
        self._seen += 1

    @property
    def is_settled(self) -> bool:
        """Whether the momentum of the current batch is that of all later ones."""
        return 1 / max(1, self._seen) < BN_MOMENTUM
