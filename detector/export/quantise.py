"""INT8 after training, by NNCF: decoding stays in float."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Sequence
from typing import Any, Literal

from detector.errors import ExportError
from detector.export.decode import PREFIX
from detector.runtimes.runtime import Floats

Target = Literal["openvino", "tensorrt"]


def quantise(model: Any, calibration: Sequence[Floats], target: Target) -> Any:
    """A model with its convolutions in INT8.

    All but decoding is quantised: sigmoid, softmax and expectation over distances stay in float.

    Args:
        model: an `openvino.Model` or an `onnx.ModelProto`; what comes back is of the same kind.
        calibration: pictures (1, 3, H, W) that ranges of activations are taken from.
        target: TensorRT takes symmetric ranges alone, OpenVINO gains from asymmetric ones.
    Raises:
        ExportError: without pictures, or if NNCF is not installed.
    """
    if not calibration:
        raise ExportError("calibration: at least one picture is needed.")
    try:
        import nncf
    except ImportError:
        raise ExportError(
            "INT8 needs NNCF, which is not installed; pip install 'maenas[int8]'."
        ) from None
    nncf.set_log_level(logging.ERROR)
    symmetric = nncf.QuantizationPreset.PERFORMANCE
    with contextlib.redirect_stdout(sys.stderr):  # its progress bars
        return nncf.quantize(
            model,
            nncf.Dataset([{"images": pictures} for pictures in calibration]),
            preset=symmetric if target == "tensorrt" else nncf.QuantizationPreset.MIXED,
            subset_size=len(calibration),
            ignored_scope=nncf.IgnoredScope(patterns=[f"{PREFIX}.*"]),
        )
