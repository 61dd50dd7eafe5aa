"""Post-training quantisation to INT8 by NNCF; decoding stays in float."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from maenas.budgets.graph.residuals import place_residuals
from maenas.budgets.usage_reports import disable_usage_reports, quiet_onnxruntime
from maenas.detector.arrays import Floats
from maenas.detector.errors import ExportError
from maenas.detector.export.decode import PREFIX

Target = Literal["cpu", "tensorrt"]
ERRORS_ONLY = 3  # log level of ONNX Runtime
SMALLEST = 1e-3  # smallest range of a tensor, so that its scale is not zero in float16


def quantise(model: Any, calibration: Sequence[Floats], target: Target) -> Any:
    """Quantise the convolutions of a model to INT8.

    Everything except decoding is quantised: sigmoid, softmax and expectation stay in float.

    Args:
        model: an `openvino.Model` or an `onnx.ModelProto`; the result has the same type.
        calibration: images (1, C, H, W) that the ranges of activations are measured on.
        target: runtime of the model. TensorRT supports signed symmetric ranges only; ONNX Runtime
            and OpenVINO on a CPU profit from unsigned and asymmetric ones. At sums the pairs are
            placed as TensorRT fuses them (`place_residuals`).
    Raises:
        ExportError: if there are no images.
    """
    if not calibration:
        raise ExportError("calibration: at least one image is needed.")
    disable_usage_reports()
    import nncf

    nncf.set_log_level(logging.ERROR)
    preset = nncf.QuantizationPreset.MIXED
    if target == "tensorrt":
        preset = nncf.QuantizationPreset.PERFORMANCE  # symmetric: every zero point is 0
    with contextlib.redirect_stdout(sys.stderr):  # NNCF prints progress bars
        quantised = nncf.quantize(
            model,
            nncf.Dataset([{"images": images} for images in calibration]),
            preset=preset,
            subset_size=len(calibration),
            ignored_scope=nncf.IgnoredScope(patterns=[f"{PREFIX}.*"]),
        )
    if target == "tensorrt":
        make_signed(quantised)
        place_residuals(quantised, lambda names: scales_of(model, names, calibration), PREFIX)
    return quantised


def scales_of(
    model: onnx.ModelProto, names: Sequence[str], calibration: Sequence[Floats]
) -> dict[str, float]:
    """Scales of tensors for symmetric INT8, from their largest absolute value.

    Args:
        model: model in float.
        names: names of tensors of it.
        calibration: images (1, C, H, W) that the ranges are measured on.
    """
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    quiet_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"], enable_fallback=0
    )
    largest = np.zeros(len(names))
    for images in calibration:
        found = session.run(list(names), {"images": images})
        largest = np.maximum(largest, [abs(values).max() for values in found])
    return {
        name: max(float(most), SMALLEST) / 127 for name, most in zip(names, largest, strict=True)
    }


def make_signed(model: onnx.ModelProto) -> None:
    """Change uint8 quantisation to int8, in place.

    After a ReLU, uint8 covers 0..max with 0..255; TensorRT supports int8 only, which covers it with
    0..127.

    Args:
        model: quantised model whose zero points are all 0.
    """
    del model.graph.value_info[:]  # it holds the old types
    constants = {constant.name: constant for constant in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        scale, zero = (constants[name] for name in node.input[1:3])
        if zero.data_type == TensorProto.UINT8:
            wider = numpy_helper.to_array(scale) * np.float32(255 / 127)
            scale.CopyFrom(numpy_helper.from_array(wider.astype(np.float32), scale.name))
            signed = np.zeros(tuple(zero.dims), np.int8)
            zero.CopyFrom(numpy_helper.from_array(signed, zero.name))
