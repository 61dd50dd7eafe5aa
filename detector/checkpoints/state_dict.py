"""Read a state dict from a file of `torch.save` without running code in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
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
    "ema_model",
    "ema",
    "model_state_dict",
    "model_state",
    "state_dict",
    "model",
    "net",
    "module",
)
# Prefixes that wrappers add to every name: DistributedDataParallel or AveragedModel, Lightning or
# others. torch.compile, FSDP and checkpointed activations may wrap a part of the model only.
PREFIXES = ("module.", "model.", "net.", "ema.", "ema_model.")
WRAPPED = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
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
    found = found_in(data, DEEPEST)
    if found is None:
        raise ModelError(
            f"{path}: holds no state dict, neither alone nor under {', '.join(UNDER[:-1])} or "
            f"{UNDER[-1]}."
        )
    keys, weights = found
    removed = [f"`{key}`" for key in keys]
    for part in WRAPPED:
        if any(part in name for name in weights):
            removed.append(f"`{part}` in names")
            weights = {name.replace(part, ""): value for name, value in weights.items()}
    while prefix := common_prefix(weights):
        removed.append(f"prefix `{prefix}`")
        weights = {
            name.removeprefix(prefix): value
            for name, value in weights.items()
            if name.startswith(prefix)
        }
    return StateDict(weights, tuple(removed))


def found_in(data: object, depth: int) -> tuple[list[str], dict[str, Tensor]] | None:
    """The keys around the first state dict in the data, and its tensors; None without one.

    What trainers store under such a key may be something else, as the counters of an average are.

    Args:
        data: content of a checkpoint, or a part of it.
        depth: most keys that may be nested around the state dict.
    """
    if not isinstance(data, Mapping):
        return None
    if data and all(isinstance(value, Tensor) for value in data.values()):
        return [], {str(name): value for name, value in data.items()}
    for key in UNDER if depth else ():
        inner = found_in(data.get(key), depth - 1)
        if inner is not None:
            return [key, *inner[0]], inner[1]
    return None


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
