"""Forward and backward passes of the parts of AZ-NAS."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import mean

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_unshuffle

from maenas.blocks import Backbone, SpecError
from maenas.blocks.layers.network import Network
from maenas.blocks.layers.pyramid_pooling import PyramidPooling
from maenas.blocks.layers.residual_unit import ResidualUnit
from maenas.nas.scores.one_thread import one_thread

Shape = tuple[int, int, int, int]  # images, channels, height, width
SMALLEST = 1e-6  # a unit that lets no gradient through would divide by 0


@torch.inference_mode()
def entropies(backbone: Backbone, shape: Shape, seed: int) -> list[float]:
    """The entropy of the features of each unit, from the input on; see `Expressivity`."""
    found = []
    with one_thread(), torch.random.fork_rng(devices=[]):
        network = random_network(backbone, seed)
        maps = torch.randn(shape)
        for unit in units_of(network):
            maps = unit(maps)
            found.append(entropy_of(maps))
    return found


def smallest_gain(backbone: Backbone, shape: Shape, seed: int) -> float:
    """The smallest difference of the entropies of two units in a row; see `Progressivity`.

    Raises:
        SpecError: if the network has one unit only.
    """
    gains = [second - first for first, second in pairwise(entropies(backbone, shape, seed))]
    require_units(len(gains))
    return min(gains)


@torch.enable_grad()
def trainability(backbone: Backbone, shape: Shape, seed: int) -> float:
    """The mean of 2 - s - 1 / s over all units but the first one; see `Trainability`.

    Raises:
        SpecError: if the network has one unit only.
    """
    found = []
    with one_thread(), torch.random.fork_rng(devices=[]):
        network = random_network(backbone, seed)
        first, *others = units_of(network)
        require_units(len(others))
        maps = first(torch.randn(shape))
        for unit in others:
            inputs = maps.detach().requires_grad_(True)
            maps = unit(inputs)
            stretch = max(SMALLEST, stretch_of(inputs, maps))
            found.append(2 - stretch - 1 / stretch)
    return mean(found)


def random_network(backbone: Backbone, seed: int) -> Network:
    """A network in training mode whose convolutions have the weights of He et al. for ReLU."""
    torch.manual_seed(seed)
    network = backbone.build(features_only=False).train()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
    return network


def units_of(network: Network) -> Iterator[nn.Module]:
    """The residual units of a network; other stages, such as the stem, are one unit each."""
    for stage in network.stages:
        parts = list(stage.children()) if isinstance(stage, nn.Sequential) else []
        if parts and all(isinstance(part, ResidualUnit | PyramidPooling) for part in parts):
            yield from parts
        else:
            yield stage


def entropy_of(maps: Tensor) -> float:
    """The entropy of the shares of variance of (B, C, H, W) maps along their principal axes."""
    points = maps.permute(0, 2, 3, 1).flatten(0, 2).double()
    points = points - points.mean(dim=0)
    variances = torch.linalg.eigvalsh(points.T @ points / len(points)).clamp(min=0)
    shares = variances / variances.sum()
    return float(-torch.xlogy(shares, shares).nansum())


def stretch_of(inputs: Tensor, maps: Tensor) -> float:
    """The largest singular value of the mean Jacobian of a unit, estimated by a random gradient.

    Args:
        inputs: (B, C, H, W) input of the unit, which requires gradients.
        maps: (B, C', H', W') output; H' and W' divide H and W by the stride.
    """
    signs = torch.randint(2, maps.shape).to(maps.dtype) * 2 - 1
    (arrived,) = torch.autograd.grad(maps, inputs, signs)
    arrived = pixel_unshuffle(arrived, arrived.shape[-1] // signs.shape[-1])
    above, below = (each.permute(0, 2, 3, 1).flatten(0, 2) for each in (signs, arrived))
    return float(torch.linalg.matrix_norm(below.T @ above / len(above), ord=2))


def require_units(count: int) -> None:
    """Raise `SpecError` if there is no unit behind the first one."""
    if not count:
        raise SpecError("az-nas: compares a unit with the one before it, the network has only one.")
