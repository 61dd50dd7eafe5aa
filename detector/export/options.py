"""What to make of a detector; loads no runtime, so that mistakes are told at once."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from maenas.blocks.errors import one_of
from maenas.detector.errors import ExportError
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.runtimes.metadata import Layout, Precision

Format = Literal["onnx", "openvino", "tensorrt"]
SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml", "tensorrt": ".engine"}
OPSETS = (18, 19, 20)  # what TensorRT 10 and 11, OpenVINO and ONNX Runtime all read
DEFAULT_OPSET = 19
HALF_QUANTISED_OPSET = 19  # the first whose Q/DQ take float16
NMS = Thresholds(0.05, 0.7, 300)  # inside a file, unless others are asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to make of a detector.

    Attributes:
        format: of the file.
        precision: of the network's body.
        layout: "raw" for scores and boxes; else NMS inside, of standard operators or as
            TensorRT's plugin.
        opset: of ONNX.
        batch: images at a time, None for any number.
        nms: thresholds of the NMS, in layouts that have one.
    Raises:
        ExportError, SpecError: for what does not exist or does not go together.
    """

    format: Format = "onnx"
    precision: Precision = "f32"
    layout: Layout = "raw"
    opset: int = DEFAULT_OPSET
    batch: int | None = None
    nms: Thresholds = NMS

    def __post_init__(self) -> None:
        one_of("export", "format", self.format, get_args(Format))
        one_of("export", "precision", self.precision, get_args(Precision))
        one_of("export", "layout", self.layout, get_args(Layout))
        if self.opset not in OPSETS:
            options = ", ".join(map(str, OPSETS))
            raise ExportError(f"opset: must be one of {options}, got {self.opset}.")
        if self.batch is not None and self.batch < 1:
            raise ExportError(f"batch: must be at least 1, got {self.batch}.")
        if self.format == "openvino" and self.layout == "end2end-trt":
            raise ExportError("end2end: OpenVINO does not know TensorRT's plugin; use onnx.")
        if self.is_half_quantised and self.opset < HALF_QUANTISED_OPSET:
            raise ExportError(
                f"opset: INT8 for TensorRT needs at least {HALF_QUANTISED_OPSET}, whose Q/DQ take "
                f"float16, got {self.opset}."
            )

    @property
    def is_half_quantised(self) -> bool:
        """Whether what is not in INT8 is in FP16."""
        return self.format == "tensorrt" and self.precision == "int8"

    def require(self, path: Path) -> None:
        """Raise unless a file of that name may hold it and what makes it is installed.

        Raises:
            ExportError: if the name ends otherwise, or NNCF is missing for INT8.
            BackendError: if TensorRT is missing.
        """
        suffix = SUFFIXES[self.format]
        if path.suffix != suffix:
            raise ExportError(f"{path}: {self.format} files end in {suffix}.")
        if self.format == "tensorrt":
            from maenas.budgets.backends.engine_info import require_tensorrt

            require_tensorrt()
        if self.precision == "int8" and find_spec("nncf") is None:
            raise ExportError("INT8 needs NNCF, which is not installed; pip install -e '.[int8]'.")
