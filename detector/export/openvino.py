"""Export a detector as an OpenVINO IR."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import onnx
import openvino

from maenas.budgets.backends.openvino_core import openvino_core
from maenas.detector.arrays import Floats
from maenas.detector.export.quantise import quantise
from maenas.detector.runtimes.metadata import Metadata
from maenas.detector.runtimes.openvino_runtime import set_metadata


def convert(
    model: onnx.ModelProto, metadata: Metadata, calibration: Sequence[Floats] = ()
) -> openvino.Model:
    """Convert an ONNX model to an OpenVINO model, quantised if the metadata say INT8.

    Args:
        model: model in float32, without NMS.
        metadata: metadata of the file to write.
        calibration: calibration images for INT8, each (1, 3, H, W).
    """
    converted = openvino_core().read_model(model.SerializeToString())
    if metadata.precision == "int8":
        converted = quantise(converted, calibration, "cpu")
    return converted


def join_nms(model: openvino.Model, nms: onnx.ModelProto) -> openvino.Model:
    """A copy with `nms` at its end, whose inputs have the names of the model's outputs."""
    front = model.clone()
    back = openvino_core().read_model(nms.SerializeToString())
    for parameter in back.get_parameters():
        result = front.output(parameter.get_friendly_name()).get_node()
        parameter.output(0).replace(result.input_value(0))
    return openvino.Model(back.get_results(), front.get_parameters(), "detector")


def write_ir(model: openvino.Model, metadata: Metadata, path: Path) -> None:
    """Write `.xml` and `.bin`; "f16" stores the weights in 16 bits.

    Raises:
        OSError: if they cannot be written completely.
    """
    set_metadata(model, metadata)
    try:
        openvino.save_model(model, path, compress_to_fp16=metadata.precision == "f16")
    except RuntimeError as error:  # its message does not give the cause
        free = shutil.disk_usage(path.parent).free / 2**20
        reason = " ".join(str(error).split())
        raise OSError(f"OpenVINO says {reason}; {free:,.0f} MiB are free there") from None
