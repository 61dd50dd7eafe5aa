"""The numbers that a network computes in while it learns."""

from __future__ import annotations

import torch

from detector.errors import TrainError
from detector.train.recipe import ComputeOptions

NAMED = {"bf16": torch.bfloat16, "fp16": torch.float16}


def precision_of(options: ComputeOptions, device: torch.device) -> torch.dtype | None:
    """What autocast uses on a device; None for 32 bits throughout, as "auto" has it on a CPU.

    Raises:
        TrainError: for fp16 on a CPU.
    """
    if options.amp == "off" or (options.amp == "auto" and device.type != "cuda"):
        return None
    if options.amp == "auto":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float16
    if options.amp == "fp16" and device.type != "cuda":
        raise TrainError("compute.amp: fp16 is for GPUs; a CPU takes bf16, or off for 32 bits.")
    return NAMED[options.amp]
