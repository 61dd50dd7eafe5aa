"""The floating-point precision of a training."""

from __future__ import annotations

import torch

from maenas.detector.errors import TrainError

NAMED = {"bf16": torch.bfloat16, "fp16": torch.float16}


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
