"""The forward pass of NASWOT: signs of all activations, and the kernel of a batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maenas.blocks import Backbone, SpecError
from maenas.nas.scores.one_thread import one_thread

ACTIVATIONS = (nn.ReLU, nn.SiLU, nn.LeakyReLU, nn.GELU, nn.Hardswish)


@torch.inference_mode()
def naswot(backbone: Backbone, shape: tuple[int, int, int, int], seed: int) -> float:
    """log |det K| of one untrained network; see `Naswot`.

    Args:
        backbone: candidate to score.
        shape: (images, channels, height, width) of the batch in pixels.
        seed: random seed of weights and images.
    Raises:
        SpecError: if the network has no activations.
    """
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = backbone.build(features_only=False).train()
        signs: list[Tensor] = []
        for module in network.modules():
            if isinstance(module, ACTIVATIONS):
                module.register_forward_pre_hook(lambda _, inputs: signs.append(inputs[0] > 0))
        network(torch.randn(shape))
        if not signs:
            raise SpecError(
                "naswot: the network has no activations, so all images look alike to it; rerank "
                "with another score."
            )
        return float(torch.linalg.slogdet(kernel_of(signs)).logabsdet)


def kernel_of(signs: list[Tensor]) -> Tensor:
    """(N, N) float64, number of units in the same state for each pair of N images.

    Args:
        signs: (N, ...) bool, whether each unit of a layer is on.
    """
    images = len(signs[0])
    kernel = torch.zeros((images, images), dtype=torch.float64)
    for sign in signs:
        on = sign.flatten(1).float()
        off = 1 - on
        kernel += (on @ on.T + off @ off.T).double()
    return kernel
