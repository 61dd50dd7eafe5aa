"""Forward and backward passes of SynFlow, Zen-score and ZiCo."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from maenas.blocks import Backbone
from maenas.blocks.layers.deploy import deploy
from maenas.nas.scores.one_thread import one_thread

PERTURBATION = 0.01  # standard deviation of the noise that is added to an image
CLASSES = 10  # of the random classifier
Shape = tuple[int, int, int, int]  # images, channels, height, width
EPSILON = 1e-12  # gradients that never differ would divide by 0


@torch.enable_grad()
def synflow(backbone: Backbone, shape: Shape, seed: int) -> float:
    """ln of the synaptic flow of one network; see `SynFlow`."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = deploy(backbone.build(features_only=False)).double()
        weights = []
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.requires_grad_(True).data.abs_()
                weights.append(module.weight)
                if module.bias is not None:
                    module.bias.data.zero_()
        total = last_map(network, torch.ones(shape, dtype=torch.float64)).sum()
        gradients = torch.autograd.grad(total, weights)
        pairs = zip(weights, gradients, strict=True)
        return log(sum(float((w.detach() * g).sum().abs()) for w, g in pairs))


@torch.no_grad()
def zen(backbone: Backbone, shape: Shape, seed: int) -> float:
    """Zen-score of one random network; see `Zen`."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = backbone.build(features_only=False).train()
        scales: list[float] = []
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.normal_()
        image = torch.randn(shape)

        def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            scales.append(0.5 * log(float(inputs[0].var(dim=(0, 2, 3)).mean())))

        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        hooks = [module.register_forward_pre_hook(note) for module in norms]
        first = last_map(network, image)
        for hook in hooks:
            hook.remove()
        second = last_map(network, image + PERTURBATION * torch.randn(shape))
        return log(float((first - second).abs().mean())) + sum(scales)


@torch.enable_grad()
def zico(backbone: Backbone, shape: Shape, batches: int, seed: int) -> float:
    """ZiCo of one network with random images and labels; see `ZiCo`."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = backbone.build(features_only=False).train()
        weights = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d)]
        classifier: Tensor | None = None
        seen: list[list[Tensor]] = [[] for _ in weights]
        for _ in range(batches):
            pooled = last_map(network, torch.randn(shape)).mean(dim=(2, 3))
            if classifier is None:
                classifier = torch.randn(pooled.shape[1], CLASSES) / pooled.shape[1] ** 0.5
            loss = cross_entropy(pooled @ classifier, torch.randint(CLASSES, (shape[0],)))
            gradients = torch.autograd.grad(loss, weights, allow_unused=True)
            for kept, gradient in zip(seen, gradients, strict=True):
                if gradient is not None:
                    kept.append(gradient.detach())
        total = 0.0
        for kept in seen:
            if kept:
                stacked = torch.stack(kept)
                ratio = stacked.abs().mean(dim=0) / (stacked.std(dim=0) + EPSILON)
                total += log(float(ratio.sum()) + EPSILON)
        return total


def last_map(network: nn.Module, images: Tensor) -> Tensor:
    """The last feature map of a network."""
    assert isinstance(network.stages, nn.ModuleList)
    for stage in network.stages:
        images = stage(images)
    return images
