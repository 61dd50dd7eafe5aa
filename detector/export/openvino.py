"""A detector as an OpenVINO IR."""

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
    """A model in OpenVINO's own form, quantised if the metadata say INT8.

    Args:
        model: in 32-bit floats, before NMS.
        metadata: of the file to be.
        calibration: images (1, 3, H, W) for INT8.
    """
    converted = openvino_core().read_model(model.SerializeToString())
    if metadata.precision == "int8":
        converted = quantise(converted, calibration, "cpu")
    return converted


def join_nms(model: openvino.Model, nms: onnx.ModelProto) -> openvino.Model:
    """A copy with the outputs of `nms`, whose inputs are called like the outputs of the model."""
    front = model.clone()
    back = openvino_core().read_model(nms.SerializeToString())
    for parameter in back.get_parameters():
        result = front.output(parameter.get_friendly_name()).get_node()
        parameter.output(0).replace(result.input_value(0))
    return openvino.Model(back.get_results(), front.get_parameters(), "detector")


def write_ir(model: openvino.Model, metadata: Metadata, path: Path) -> None:
    """Write `.xml` and `.bin`; "f16" stores the weights in 16 bits.

    Raises:
        OSError: if they cannot be written whole.
    """
    set_metadata(model, metadata)
    try:
        openvino.save_model(model, path, compress_to_fp16=metadata.precision == "f16")
    except RuntimeError as error:  # it does not say why a stream failed
        free = shutil.disk_usage(path.parent).free / 2**20
        reason = " ".join(str(error).split())
        raise OSError(f"OpenVINO says {reason}; {free:,.0f} MiB are free there") from None
