"""Read a state dict from a file of `torch.save` without running code in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from warnings import catch_warnings

import torch
from torch import Tensor

from maenas.blocks.files.boundary import parsing
from maenas.blocks.files.plain_file import GIB, open_file
from maenas.detector.errors import ModelError

CUT_SHORT = "is damaged or cut short"
LARGEST = 64 * GIB  # largest checkpoint, in bytes
# Keys that trainers store a state dict under. Moving averages come first, because those weights
# were evaluated. `model` comes before `module`, which some trainers nest in the others.
UNDER = (
    "model_ema",
    "ema_state_dict",
    "state_dict_ema",
    "ema",
    "model_state_dict",
    "state_dict",
    "model",
    "module",
)
# Prefixes that wrappers add to every name: DistributedDataParallel or AveragedModel, Lightning or
# others, and torch.compile, which may wrap a part of the model only.
PREFIXES = ("module.", "model.", "ema.")
COMPILED = "_orig_mod."
COUNTERS = ("n_averaged", "updates")  # counters that a moving average stores beside its weights
DEEPEST = 3  # most keys that may be nested around a state dict


@dataclass(frozen=True, slots=True)
class StateDict:
    """Names and tensors of a checkpoint.

    Attributes:
        weights: tensors by name.
        stripped: parts that were removed, as text for the terminal: keys around the state dict and
            prefixes of its names.
    """

    weights: dict[str, Tensor]
    stripped: tuple[str, ...] = ()


def read_state_dict(path: Path) -> StateDict:
    """Read the tensors of a checkpoint, without the keys and prefixes of trainers and wrappers.

    Raises:
        ModelError: if the file cannot be read; the message names file and cause.
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
    return stripped(data, path)


def stripped(data: object, path: Path) -> StateDict:
    """Find the state dict in the content of a checkpoint.

    Raises:
        ModelError: if there is none.
    """
    removed: list[str] = []
    while not is_state_dict(data) and len(removed) < DEEPEST:
        key = next((key for key in UNDER if isinstance(entry(data, key), Mapping)), None)
        if key is None:
            break
        removed.append(f"`{key}`")
        data = entry(data, key)
    if not isinstance(data, Mapping) or not is_state_dict(data):
        raise ModelError(
            f"{path}: holds no state dict, neither alone nor under {', '.join(UNDER[:-1])} or "
            f"{UNDER[-1]}."
        )
    weights = {str(name): value for name, value in data.items()}
    if any(COMPILED in name for name in weights):
        removed.append(f"`{COMPILED}` in names")
        weights = {name.replace(COMPILED, ""): value for name, value in weights.items()}
    while prefix := common_prefix(weights):
        removed.append(f"prefix `{prefix}`")
        weights = {
            name.removeprefix(prefix): value
            for name, value in weights.items()
            if name.startswith(prefix)
        }
    return StateDict(weights, tuple(removed))


def is_state_dict(data: object) -> bool:
    """Whether the data are a mapping from names to tensors only."""
    return isinstance(data, Mapping) and all(isinstance(value, Tensor) for value in data.values())


def entry(data: object, key: str) -> Any:
    """Value of a key; None if the data are no mapping or lack the key."""
    return data.get(key) if isinstance(data, Mapping) else None


def common_prefix(weights: Mapping[str, Tensor]) -> str | None:
    """Wrapper prefix that all names have, except counters of a moving average; None without."""
    names = [name for name in weights if name not in COUNTERS]
    return next((p for p in PREFIXES if names and all(name.startswith(p) for name in names)), None)


def refusal(message: str) -> str:
    """Plain explanation of why torch refuses to read a pickle."""
    code = re.search(r"GLOBAL ([\w.]+)", message) or re.search(r"class `?([\w.]+)", message)
    if code:
        return (
            f"holds Python objects ({code[1]}), and loading those would run code of the file; "
            "save its state dict alone."
        )
    if "truncated" in message:
        return "is damaged or cut short."
    return "is not a checkpoint that PyTorch can load safely (weights_only)."
