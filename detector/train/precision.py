"""The floating-point precision of a training; on a CPU it is chosen when the training starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from maenas.blocks.layers.depthwise import DepthwiseConv2d
from maenas.detector.errors import TrainError
from maenas.detector.train.recipe import ComputeOptions

NAMED = {"bf16": torch.bfloat16, "fp16": torch.float16}
# CPU features that multiply bf16 in hardware; without them oneDNN converts to fp32 and back.
FAST_BF16 = ("avx512_bf16", "amx_bf16")


def precision_of(amp: str, device: torch.device) -> torch.dtype | None:
    """The autocast dtype on a device; None for fp32, which "auto" means on a CPU.

    Args:
        amp: "auto", "off", "bf16" or "fp16", as in a recipe.
        device: device to train on.
    Raises:
        TrainError: for fp16 on a CPU.
    """
    if amp == "off" or (amp == "auto" and device.type != "cuda"):
        return None
    if amp == "auto":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float16
    if amp == "fp16" and device.type != "cuda":
        raise TrainError("compute.amp: fp16 is for GPUs; a CPU takes bf16, or off for 32 bits.")
    return NAMED[amp]


def name_of(precision: torch.dtype | None) -> str:
    """The name of an autocast dtype; "fp32" for None."""
    return next((name for name, dtype in NAMED.items() if dtype is precision), "fp32")


def resolved_compute(
    options: ComputeOptions, network: nn.Module, device: torch.device
) -> ComputeOptions:
    """The options with "auto" replaced by the faster precision on a CPU, "bf16" or "off".

    bf16 is faster if the CPU multiplies it in hardware (benchmarks/bench_train.py prints both) and
    the gradients of all grouped convolutions are our own: PyTorch's are slower in bf16.
    The choice is saved with the recipe, so that a run resumed on another CPU keeps its precision.

    Args:
        options: compute options of a recipe.
        network: network to train.
        device: device to train on; for a GPU the options are returned unchanged.
    """
    if device.type != "cpu" or options.amp != "auto":
        return options
    fast = has_fast_bf16() and not has_slow_groups(network)
    return replace(options, amp="bf16" if fast else "off")


def has_fast_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware; False if this PyTorch cannot detect it."""
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in FAST_BF16)


def has_slow_groups(network: nn.Module) -> bool:
    """Whether a network has grouped convolutions whose gradients are PyTorch's."""
    convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d))
    grouped = (convolution for convolution in convolutions if convolution.groups > 1)
    return not all(isinstance(convolution, DepthwiseConv2d) for convolution in grouped)
