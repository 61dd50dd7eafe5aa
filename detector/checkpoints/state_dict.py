"""A state dict from a file of `torch.save`, without running any code that is in it."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError
from warnings import catch_warnings

import torch
from torch import Tensor

from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.plain_file import GIB, open_file
from maenas.detector.errors import ModelError

CUT_SHORT = "is damaged or cut short"
LARGEST = 64 * GIB  # of a checkpoint


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Names and tensors of a checkpoint, alone in the file or under `model`.

    Raises:
        ModelError: naming file and cause.
    """
    file = open_file(path, limit=LARGEST, error=ModelError)
    with file, catch_warnings(action="ignore"), parsing(path, error=ModelError, wrong=CUT_SHORT):
        try:
            data = torch.load(file, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            raise ModelError(f"{path}: {refusal(str(error))}") from None
        except RuntimeError as error:
            if "TorchScript" not in str(error):
                raise
            raise ModelError(f"{path}: is a TorchScript program, not a state dict.") from None
    if isinstance(data, dict) and isinstance(data.get("model"), dict):
        data = data["model"]
    if not isinstance(data, dict) or not all(isinstance(v, Tensor) for v in data.values()):
        raise ModelError(f"{path}: holds no state dict, neither alone nor under `model`.")
    weights = {str(key): value for key, value in data.items()}
    if all(key.startswith("module.") for key in weights):  # saved by DistributedDataParallel
        weights = {key.removeprefix("module."): value for key, value in weights.items()}
    return weights


def refusal(message: str) -> str:
    """Why torch does not read a pickle, in a user's words."""
    code = re.search(r"GLOBAL ([\w.]+)", message) or re.search(r"class `?([\w.]+)", message)
    if code:
        return (
            f"holds Python objects ({code[1]}), and loading those would run code of the file; "
            "save its state dict alone."
        )
    if "truncated" in message:
        return "is damaged or cut short."
    return "is no checkpoint that torch reads without running code of it."
