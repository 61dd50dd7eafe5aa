"""Post-training quantisation to INT8 by NNCF; decoding stays in float."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from maenas.budgets.usage_reports import disable_usage_reports
from maenas.detector.arrays import Floats
from maenas.detector.errors import ExportError
from maenas.detector.export.decode import PREFIX

Target = Literal["cpu", "tensorrt"]


def quantise(model: Any, calibration: Sequence[Floats], target: Target) -> Any:
    """Quantise the convolutions of a model to INT8.

    Everything except decoding is quantised: sigmoid, softmax and expectation stay in float.

    Args:
        model: an `openvino.Model` or an `onnx.ModelProto`; the result has the same type.
        calibration: images (1, 3, H, W) that the ranges of activations are measured on.
        target: runtime of the model. TensorRT supports signed symmetric ranges only; ONNX Runtime
            and OpenVINO on a CPU profit from unsigned and asymmetric ones.
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
    return quantised


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
