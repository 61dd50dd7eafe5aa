"""Initial weights that differ from PyTorch's, as in DAMO-YOLO's code."""

from __future__ import annotations

from torch import nn

NANO_BIAS = 1e-4  # initial bias of BatchNorm


def draw_by_width(module: nn.Module) -> None:
    """Draw the weights of every convolution from N(0, s) with the deviation s = 1 / in_channels.

    A depthwise convolution has one input channel a group, and thus a deviation of 1. BatchNorm
    hides the scale in the forward pass, but weight decay and AdamW act on it.

    Source: the nano backbones of DAMO-YOLO (`tinynas_mob.py`, Apache-2.0).
    """
    for each in module.modules():
        if isinstance(each, nn.Conv2d):
            nn.init.normal_(each.weight, std=1 / each.weight.shape[1])
        elif isinstance(each, nn.BatchNorm2d):
            nn.init.constant_(each.bias, NANO_BIAS)


def draw_by_fan_out(module: nn.Module) -> None:
    """Draw the weights of every convolution from Kaiming's normal distribution for ReLU by fan-out.

    Source: the depthwise downsampling in the necks of DAMO-YOLO's nano models (`DepthwiseConv`).
    """
    for each in module.modules():
        if isinstance(each, nn.Conv2d):
            nn.init.kaiming_normal_(each.weight, mode="fan_out", nonlinearity="relu")
