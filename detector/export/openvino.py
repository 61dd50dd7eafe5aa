"""A detector as an OpenVINO IR."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
import openvino

from detector.export.quantise import quantise
from detector.runtimes.metadata import Metadata
from detector.runtimes.openvino_runtime import set_metadata
from detector.runtimes.runtime import Floats


def write_ir(
    model: onnx.ModelProto, metadata: Metadata, path: Path, calibration: Sequence[Floats] = ()
) -> None:
    """Write `.xml` and `.bin`.

    Args:
        model: in 32-bit floats.
        metadata: of the file; its precision is brought about here: "f16" stores weights in 16
            bits, "int8" quantises.
        path: of the `.xml`.
        calibration: pictures (1, 3, H, W) for INT8.
    Raises:
        ExportError: if NNCF is not installed.
    """
    converted = openvino.Core().read_model(model.SerializeToString())
    if metadata.precision == "int8":
        converted = quantise(converted, calibration, "openvino")
    set_metadata(converted, metadata)
    openvino.save_model(converted, path, compress_to_fp16=metadata.precision == "f16")
