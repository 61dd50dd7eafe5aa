"""ONNX files of a kit: small, because all share one file of weights, and of an old opset."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

PAGE = 4096  # alignment of a tensor in the file, which lets a runtime map it
LEAST_BYTES = 4096  # smaller tensors stay in the graph
SIZE = 16 * 2**20  # least size of the file; more than the caches of the devices
OPSETS = ((11, 6), (13, 7), (16, 8), (17, 8), (19, 9))  # opset, version of the format
NAME = "weights.bin"


class SharedWeights:
    """One file of random weights that all graphs of a kit refer to.

    The values do not change the latency, but weights of one constant would: a GPU draws less power
    and runs at a higher clock. The tensors of a graph lie one after another; at the
    end of the file the next one begins at its start.
    """

    def __init__(self) -> None:
        self._largest = SIZE

    def moved(self, model: onnx.ModelProto) -> onnx.ModelProto:
        """Return a copy of the model whose large weights lie in the file."""
        out = onnx.ModelProto()
        out.CopyFrom(model)
        place = 0
        for tensor in out.graph.initializer:
            size = _bytes_of(tensor)
            if size < LEAST_BYTES:
                continue
            self._largest = max(self._largest, size)
            if place + size > max(SIZE, size):
                place = 0
            for field in ("raw_data", "float_data", "int32_data"):
                tensor.ClearField(field)
            tensor.data_location = TensorProto.EXTERNAL
            entries = {"location": NAME, "offset": place, "length": size}
            for key, value in entries.items():
                entry = tensor.external_data.add()
                entry.key, entry.value = key, str(value)
            place += -(-size // PAGE) * PAGE
        return out

    def content(self) -> bytes:
        """Return the content of the file."""
        count = -(-self._largest // 4)
        values = np.random.default_rng(0).normal(0.0, 0.02, count).astype(np.float32)
        return values.tobytes()


def _bytes_of(tensor: TensorProto) -> int:
    """Return the size of a matrix or kernel of weights; 0 for any other tensor."""
    sizes: dict[int, int] = {TensorProto.FLOAT: 4, TensorProto.INT8: 1}
    if len(tensor.dims) < 2 or tensor.data_type not in sizes:
        return 0
    return int(np.prod(tensor.dims)) * sizes[tensor.data_type]


def portable(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy in the oldest opset in which the same nodes are valid.

    Old runtimes refuse the newest opset although they know every operator of the graph.
    """
    out = onnx.ModelProto()
    out.CopyFrom(model)
    probe = _without_weights(model)
    for opset, version in OPSETS:
        for one in (probe, out):
            others = [each for each in one.opset_import if each.domain not in ("", "ai.onnx")]
            del one.opset_import[:]
            one.opset_import.extend([helper.make_opsetid("", opset), *others])
            one.ir_version = version
        try:
            onnx.checker.check_model(probe, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
            continue
        return out
    return model


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy with inputs in place of large weights, which is checked in no time."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    small = [one for one in out.graph.initializer if _bytes_of(one) < LEAST_BYTES]
    large = [one for one in out.graph.initializer if _bytes_of(one) >= LEAST_BYTES]
    out.graph.input.extend(
        helper.make_tensor_value_info(one.name, one.data_type, list(one.dims)) for one in large
    )
    del out.graph.initializer[:]
    out.graph.initializer.extend(small)
    return out
