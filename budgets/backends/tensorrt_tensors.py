"""Inputs and outputs of TensorRT engines as torch tensors."""

from __future__ import annotations

from typing import Any

import tensorrt as trt
import torch
from numpy.typing import NDArray

from maenas.budgets.backends.backend import BackendError

TORCH_TYPES = {
    trt.DataType.FLOAT: torch.float32,
    trt.DataType.HALF: torch.float16,
    trt.DataType.BF16: torch.bfloat16,
    trt.DataType.INT64: torch.int64,
    trt.DataType.INT32: torch.int32,
    trt.DataType.INT8: torch.int8,
    trt.DataType.UINT8: torch.uint8,
    trt.DataType.BOOL: torch.bool,
}


def torch_type(engine: trt.ICudaEngine, name: str) -> torch.dtype:
    """Return torch's type of an input or output.

    Raises:
        BackendError: if torch has no such type.
    """
    kind = engine.get_tensor_dtype(name)
    found = TORCH_TYPES.get(kind)
    if found is None:
        known = ", ".join(known.name for known in TORCH_TYPES)
        raise BackendError(f"{name}: its type must be one of {known}, got {kind.name}.")
    return found


def sizes(dims: Any) -> tuple[int, ...]:
    """Return dimensions of TensorRT as numbers; -1 is one that is not known."""
    return tuple(int(dims[axis]) for axis in range(len(dims)))


def fixed_sizes(dims: Any, name: str) -> tuple[int, ...]:
    """Return the dimensions of a tensor, all of which must be known.

    Raises:
        BackendError: if one depends on the data.
    """
    found = sizes(dims)
    if min(found, default=1) < 0:
        raise BackendError(f"{name}: its size must be fixed, but depends on values: {found}.")
    return found


def as_array(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a copy of a tensor of the CPU as an array; floats of all widths become float32."""
    wide = tensor.float() if tensor.is_floating_point() else tensor
    return wide.numpy().copy() if wide is tensor else wide.numpy()
