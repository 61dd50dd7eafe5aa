"""Running statistics of BatchNorm in the first steps of a fresh network."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from maenas.blocks.layers.conv_bn_act import BN_MOMENTUM


class Statistics:
    """Makes running statistics the plain mean of the batches so far, until they are averages.

    A fresh BatchNorm starts from mean 0 and variance 1, and with DAMO-YOLO's momentum of 0.03 a
    trace of these is left after a hundred steps. Through sixty layers that is enough for a
    detector that has learnt everything to find nothing. COCO takes 138,900 steps, where it does
    not show; a small data set takes few. Weights that were trained before keep their statistics.

    Args:
        network: as it is before the training, or where that continues.
    """

    def __init__(self, network: nn.Module) -> None:
        self._norms = [module for module in network.modules() if isinstance(module, _NormBase)]
        counts = [module.num_batches_tracked for module in self._norms]
        self._seen = min((int(count) for count in counts if count is not None), default=0)

    def before_forward(self) -> None:
        """Set the momentum of the batch that comes."""
        if 1 / (self._seen + 1) >= BN_MOMENTUM / 2:
            for module in self._norms:
                module.momentum = max(BN_MOMENTUM, 1 / (self._seen + 1))
        self._seen += 1
