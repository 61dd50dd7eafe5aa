"""Where a CPU trains in bf16."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maenas.blocks.layers.depthwise import DepthwiseConv2d
from maenas.detector.train import resolved_compute
from maenas.detector.train.recipe import ComputeOptions

CPU = torch.device("cpu")
PLAIN = nn.Sequential(nn.Conv2d(8, 8, 3))
DEPTHWISE = nn.Sequential(DepthwiseConv2d(8, 8, 3, groups=8, bias=False), nn.Conv2d(8, 8, 1))
GROUPED = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 1))
ABLE, UNABLE = {"avx512_bf16": True}, {"avx512_bf16": False}


@pytest.mark.parametrize(
    ("network", "able", "amp", "expected"),
    [
        (PLAIN, ABLE, "auto", "bf16"),
        (PLAIN, {"amx_bf16": True}, "auto", "bf16"),
        (PLAIN, UNABLE, "auto", "off"),
        (PLAIN, {}, "auto", "off"),
        (DEPTHWISE, ABLE, "auto", "bf16"),
        (GROUPED, ABLE, "auto", "off"),
        (PLAIN, ABLE, "off", "off"),
    ],
)
def test_on_a_cpu_that_can_if_the_gradients_are_fast(monkeypatch, network, able, amp, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert resolved_compute(ComputeOptions(amp=amp), network, CPU).amp == expected


def test_on_a_gpu_nothing_is_settled(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: ABLE, raising=False)
    options = ComputeOptions()
    assert resolved_compute(options, PLAIN, torch.device("cuda")) is options
