"""Whether a CPU had better train a network in bf16: decided when a training begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from maenas.detector.train.recipe import ComputeOptions

# What multiplies bf16 in hardware; without it oneDNN converts to 32 bits and back.
FAST_BF16 = ("avx512_bf16", "amx_bf16")


def resolved_compute(
    options: ComputeOptions, network: nn.Module, device: torch.device
) -> ComputeOptions:
    """The options with "auto" replaced: by bf16 where a CPU trains this network faster in it.

    It does where it multiplies bf16 in hardware and the network is of full convolutions;
    depthwise ones are slower in bf16 than in 32 bits (benchmarks/bench_train.py prints both).
    Settled once and written down with the recipe, so that a run that is continued on another CPU
    computes in the same numbers.

    Args:
        options: of a recipe.
        network: that will be trained.
        device: that will train it; on others than CPUs the options stay as they are.
    """
    if device.type != "cpu" or options.amp != "auto":
        return options
    fast = has_fast_bf16() and not is_depthwise(network)
    return replace(options, amp="bf16" if fast else "off")


def has_fast_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware; not where torch is too old to tell."""
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in FAST_BF16)


def is_depthwise(network: nn.Module) -> bool:
    """Whether any of its convolutions has groups."""
    convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    return any(convolution.groups > 1 for convolution in convolutions)
