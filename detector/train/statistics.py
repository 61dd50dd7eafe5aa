"""Running statistics of BatchNorm in the first steps of a training."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from maenas.blocks.layers.conv_bn_act import BN_MOMENTUM
from maenas.detector.data import Dataset, EvalLoader
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec

SETTLING_STEPS = 150  # see `is_settling`
MEASURED_IMAGES, MEASURED_AT_A_TIME = 128, 8


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
        self._norms = [*trained_norms(network).values()]
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


def trained_norms(network: nn.Module) -> dict[str, _NormBase]:
    """The BatchNorm layers of a network by name, without those of frozen stages."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, _NormBase) and any(p.requires_grad for p in module.parameters())
    }


def is_settling(step: int) -> bool:
    """Whether running statistics are too far behind the weights after so many steps.

    In the first steps weights change faster than an average over the last 33 batches, and the
    errors of sixty layers multiply. AP of Ns with measured and with running statistics, means of
    three random seeds on blood cells: 28.6 and 1.9 after 50 steps, 37.3 and 36.2 after 125, 40.1
    and 39.9 after 250; on steel 5.1 and 8.8 after 250
    (`python -m benchmarks.bench_statistics RUN`).
    """
    return step < SETTLING_STEPS


@torch.no_grad()
def measure_statistics(
    network: DetectorNetwork, names: Collection[str], spec: DetectorSpec, dataset: Dataset
) -> None:
    """Replace running statistics by those of training images, with the weights as they are.

    Source: PreciseBN of Wu and Johnson, Rethinking "Batch" in BatchNorm
    (https://arxiv.org/abs/2105.07576), section 3.

    Args:
        network: network to change; it is in evaluation mode afterwards.
        names: names of its BatchNorm layers to measure; the others keep their statistics.
        spec: detector of the network.
        dataset: training images, of which some are read at equal distances, without augmentation.
    """
    network.eval()
    norms = [m for name, m in network.named_modules() if name in names and isinstance(m, _NormBase)]
    device = next(network.parameters()).device
    every = -(-len(dataset) // MEASURED_IMAGES)
    shape, resize = spec.backbone.in_shape, spec.resize
    loader = EvalLoader(dataset, shape, MEASURED_AT_A_TIME, resize, rank=0, world=every)
    batches = (batch for batch in loader if len(batch) > 1)  # a variance needs two values
    counts = {
        n: v.clone() for n, v in network.named_buffers() if n.endswith(".num_batches_tracked")
    }
    for number, batch in enumerate(batches, 1):
        for norm in norms:
            norm.train()
            norm.momentum = 1 / number  # the mean over all batches
        network(batch.to(device).images)
    for norm in norms:
        norm.momentum = BN_MOMENTUM
        norm.eval()
    network.load_state_dict(counts, strict=False)
