"""The gradients of depthwise convolutions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maenas.blocks.layers.conv_bn_act import ConvBNAct
from maenas.blocks.layers.depthwise import DepthwiseConv2d

CHANNELS = 6
SHAPES = [(k, s, side) for k in (1, 3, 5, 7) for s in (1, 2, 3) for side in (7, 12, 13)]
LAYOUTS = (torch.contiguous_format, torch.channels_last)


def pair(kernel: int, stride: int) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Ours and PyTorch's, with equal weights of 64 bits."""
    torch.manual_seed(0)
    words = (CHANNELS, CHANNELS, kernel, stride, kernel // 2)
    ours = DepthwiseConv2d(*words, groups=CHANNELS, bias=False).double()
    theirs = nn.Conv2d(*words, groups=CHANNELS, bias=False).double()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def gradients(convolution: nn.Conv2d, x: torch.Tensor, **autocast: object) -> list[torch.Tensor]:
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, **{"enabled": False, **autocast}):
        out = convolution(x)
    torch.manual_seed(1)
    weights = torch.randn(out.shape, dtype=torch.float64).to(out.dtype)
    return [out, *torch.autograd.grad((out * weights).sum(), (x, convolution.weight))]


@pytest.mark.parametrize("layout", LAYOUTS, ids=("channels-first", "channels-last"))
@pytest.mark.parametrize(("kernel", "stride", "side"), SHAPES)
def test_they_are_those_of_pytorch(kernel, stride, side, layout):
    ours, theirs = (each.to(memory_format=layout) for each in pair(kernel, stride))
    torch.manual_seed(2)
    x = torch.randn(2, CHANNELS, side, side + 2, dtype=torch.float64)
    x = x.contiguous(memory_format=layout)
    for found, expected in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
def test_under_autocast_they_have_the_precision_of_the_weights(stride):
    ours, theirs = (each.float() for each in pair(5, stride))
    x = torch.randn(2, CHANNELS, 12, 12)
    out, by_input, by_weight = gradients(ours, x, enabled=True)
    assert (out.dtype, by_input.dtype, by_weight.dtype) == (
        torch.bfloat16,
        torch.float32,
        torch.float32,
    )
    exact = gradients(theirs, x)
    torch.testing.assert_close(by_input, exact[1], rtol=0.02, atol=0.02)
    torch.testing.assert_close(by_weight, exact[2], rtol=0.02, atol=0.5)


def test_a_dilated_one_is_that_of_pytorch():
    torch.manual_seed(0)
    words = (CHANNELS, CHANNELS, 5)
    options = {"padding": 4, "dilation": 2, "groups": CHANNELS, "bias": False}
    ours, theirs = (kind(*words, **options).double() for kind in (DepthwiseConv2d, nn.Conv2d))
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, CHANNELS, 12, 12, dtype=torch.float64)
    for found, expected in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        torch.testing.assert_close(found, expected)


def test_a_frozen_weight_gets_no_gradient():
    ours, theirs = pair(5, 2)
    x = torch.randn(1, CHANNELS, 8, 8, dtype=torch.float64, requires_grad=True)
    for each in (ours, theirs):
        each.weight.requires_grad_(False)
    (found,) = torch.autograd.grad(ours(x).sum(), x)
    (expected,) = torch.autograd.grad(theirs(x).sum(), x)
    torch.testing.assert_close(found, expected)
    assert ours.weight.grad is None


def test_an_image_without_a_gradient_gets_none():
    ours, _ = pair(5, 2)
    x = torch.randn(1, CHANNELS, 8, 8, dtype=torch.float64)
    ours(x).sum().backward()
    assert x.grad is None
    assert ours.weight.grad is not None


def test_layers_of_the_detector_use_it_where_they_are_depthwise():
    assert isinstance(ConvBNAct(8, 8, 5, 2, groups=8).conv, DepthwiseConv2d)
    assert not isinstance(ConvBNAct(8, 8, 5, 2, groups=2).conv, DepthwiseConv2d)
    assert not isinstance(ConvBNAct(1, 1, 5, 2).conv, DepthwiseConv2d)


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_a_traced_graph_contains_the_plain_convolution():
    ours, _ = pair(5, 2)
    traced = torch.jit.trace(ours, torch.randn(1, CHANNELS, 8, 8, dtype=torch.float64))
    assert "PythonOp" not in str(traced.graph)
