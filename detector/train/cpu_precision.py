"""The choice between bf16 and fp32 for a training on a CPU, made when the training starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from maenas.detector.train.recipe import ComputeOptions

# CPU features that multiply bf16 in hardware; without them oneDNN converts to fp32 and back.
FAST_BF16 = ("avx512_bf16", "amx_bf16")


def resolved_compute(
    options: ComputeOptions, network: nn.Module, device: torch.device
) -> ComputeOptions:
    """The options with "auto" replaced by the faster precision on a CPU, "bf16" or "off".

    bf16 is faster if the CPU multiplies it in hardware and the network has no depthwise
    convolutions, which are slower in bf16 than in fp32 (benchmarks/bench_train.py prints both).
    The choice is saved with the recipe, so that a run resumed on another CPU keeps its precision.

    Args:
        options: compute options of a recipe.
        network: network to train.
        device: device to train on; for a GPU the options are returned unchanged.
    """
    if device.type != "cpu" or options.amp != "auto":
        return options
    fast = has_fast_bf16() and not is_depthwise(network)
    return replace(options, amp="bf16" if fast else "off")


def has_fast_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware; False if this PyTorch cannot detect it."""
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in FAST_BF16)


def is_depthwise(network: nn.Module) -> bool:
    """Whether a network has grouped convolutions."""
    convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    return any(convolution.groups > 1 for convolution in convolutions)
