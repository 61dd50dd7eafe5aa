"""INT8 after training, by NNCF: decoding stays in float."""

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
    """A model with its convolutions in INT8.

    All but decoding is quantised: sigmoid, softmax and expectation over distances stay in float.

    Args:
        model: an `openvino.Model` or an `onnx.ModelProto`; what comes back is of the same kind.
        calibration: images (1, 3, H, W) that ranges of activations are taken from.
        target: TensorRT takes signed symmetric ranges alone; ONNX Runtime and OpenVINO on a CPU
            gain from unsigned and asymmetric ones.
    Raises:
        ExportError: without images.
    """
    if not calibration:
        raise ExportError("calibration: at least one image is needed.")
    disable_usage_reports()
    import nncf

    nncf.set_log_level(logging.ERROR)
    preset = nncf.QuantizationPreset.MIXED
    if target == "tensorrt":
        preset = nncf.QuantizationPreset.PERFORMANCE  # symmetric: every zero point is 0
    with contextlib.redirect_stdout(sys.stderr):  # its progress bars
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
    """Quantise to int8 what is quantised to uint8, in place.

    Behind a ReLU, 0..255 steps cover 0..max; TensorRT has signed steps alone, of which 0..127
    must cover it.

    Args:
        model: whose zero points are all 0.
    """
    del model.graph.value_info[:]  # which tell the types there were
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
