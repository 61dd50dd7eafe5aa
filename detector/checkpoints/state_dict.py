"""A state dict from a file of `torch.save`, without running any code that is in it."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError
from warnings import catch_warnings

import torch
from torch import Tensor

from maenas.detector.errors import ModelError


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Names and tensors of a checkpoint, alone in the file or under `model`.

    Raises:
        ModelError: naming file and cause.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file.") from None
    except IsADirectoryError:
        raise ModelError(f"{path}: is a folder; name the checkpoint in it.") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}.") from None
    try:
        with file, catch_warnings(action="ignore"):  # the error that follows says it in one line
            data = torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise ModelError(f"{path}: {refusal(str(error))}") from None
    except (EOFError, OSError, RuntimeError, ValueError, KeyError) as error:
        is_program = "TorchScript" in str(error)
        cause = "a TorchScript program, not a state dict" if is_program else "damaged or cut short"
        raise ModelError(f"{path}: is {cause}.") from None
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
