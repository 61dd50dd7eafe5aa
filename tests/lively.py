"""Detectors of random weights whose scores and boxes differ from place to place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from maenas.blocks import Backbone, ConvStem, FocusStem, ResK1KX
from maenas.detector import RepGFPN, ZeroHead
from maenas.detector.export.sample import sample_image
from maenas.detector.media.resize import fit
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec
from tests.golden import spec_of

SHAPE = (3, 64, 96)
NAMES = ("cat", "dog", "größerer Vogel")


def small_spec(**neck: Any) -> DetectorSpec:
    """A narrow detector of three classes."""
    stages = [ResK1KX(out_channels=w, bottleneck_channels=8, stride=2) for w in (8, 16, 24, 40)]
    stem = ConvStem(out_channels=8) if neck else FocusStem(out_channels=8)
    backbone = Backbone((stem, *stages), (2, 3, 4), SHAPE)
    head = ZeroHead(num_classes=len(NAMES), reg_max=7)
    return DetectorSpec(
        backbone, RepGFPN(**{"out_channels": (12, 18, 26), "depth": 2, **neck}), head, NAMES
    )


def published_spec(model: str) -> DetectorSpec:
    """A detector of the family on a small image."""
    spec = spec_of(model)
    return replace(spec, backbone=replace(spec.backbone, in_shape=SHAPE))


def reading(spec: DetectorSpec, channels: int) -> DetectorSpec:
    """A detector for images of another number of channels."""
    in_shape = (channels, *spec.backbone.in_shape[1:])
    return replace(spec, backbone=replace(spec.backbone, in_shape=in_shape))


def lively(spec: DetectorSpec, seed: int = 0, count: int = 8) -> DetectorNetwork:
    """A network whose BatchNorms have seen `count` images and whose head has opinions."""
    torch.manual_seed(seed)
    network = spec.build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # statistics of the images alone
    network.train()
    with torch.no_grad():
        for head in filter(None, (network.head, network.head.one_to_one)):
            for branch in head.scores:
                nn.init.normal_(branch[-1].weight, std=0.3 / branch[-1].in_channels ** 0.5)
                nn.init.constant_(branch[-1].bias, -1.0)
            for branch in head.distances:
                nn.init.normal_(branch[-1].weight, std=0.1 / branch[-1].in_channels ** 0.5)
            for index, scale in enumerate(head.scales):
                scale.fill_(0.8 + 0.1 * index)
        network(torch.from_numpy(images(spec, count)))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):  # dead channels stay quiet on other images
                module.running_var.clamp_(min=module.running_var.mean() / 2)
    return network.eval()


def images(spec: DetectorSpec, count: int, seed: int = 0) -> NDArray[np.float32]:
    """Drawn images at the size of the input, (count, C, H, W)."""
    drawn = (sample_image(100, 120, seed + index) for index in range(count))
    return np.stack([fit(pixels, spec.backbone.in_shape, spec.resize)[0] for pixels in drawn])
