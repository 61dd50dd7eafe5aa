"""Options of an export; no runtime is loaded, so that mistakes are reported at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from maenas.blocks.errors import one_of
from maenas.blocks.plugins.extras import require
from maenas.budgets.backends.engine_info import EngineOptions
from maenas.detector.errors import ExportError
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.runtimes.metadata import Layout, Precision

Format = Literal["onnx", "openvino", "tensorrt"]
SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml", "tensorrt": ".engine"}
OPSETS = (18, 19, 20)  # opsets that TensorRT 10 and 11, OpenVINO and ONNX Runtime all read
DEFAULT_OPSET = 19
HALF_QUANTISED_OPSET = 19  # first opset whose Q/DQ operators accept float16
NMS = Thresholds(0.05, 0.7, 300)  # default thresholds of an NMS in a file
BATCHES = (1, 1, 16)  # least, optimal and largest batch size of an engine for any batch size
ENGINE = EngineOptions(BATCHES)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Options of the export of a detector.

    Attributes:
        format: format of the file.
        precision: number format of the network up to the decoding, which stays in float.
        layout: "raw" for scores and boxes without NMS; else NMS by standard operators or by
            TensorRT's plugin.
        opset: opset of ONNX.
        batch: batch size; None for any.
        nms: thresholds of the NMS, in layouts that have one.
        engine: options of a TensorRT engine; its batch sizes hold if `batch` is None.
    Raises:
        ExportError, SpecError: if a value does not exist or two values exclude each other.
    """

    format: Format = "onnx"
    precision: Precision = "f32"
    layout: Layout = "raw"
    opset: int = DEFAULT_OPSET
    batch: int | None = None
    nms: Thresholds = NMS
    engine: EngineOptions = ENGINE

    def __post_init__(self) -> None:
        one_of("export", "format", self.format, get_args(Format))
        one_of("export", "precision", self.precision, get_args(Precision))
        one_of("export", "layout", self.layout, get_args(Layout))
        if self.opset not in OPSETS:
            options = ", ".join(map(str, OPSETS))
            raise ExportError(f"opset: must be one of {options}, got {self.opset}.")
        if self.batch is not None and self.batch < 1:
            raise ExportError(f"batch: must be at least 1, got {self.batch}.")
        self._require_engine()
        if self.format == "openvino" and self.layout == "end2end-trt":
            raise ExportError("end2end: OpenVINO does not know TensorRT's plugin; use onnx.")
        if self.is_half_quantised and self.opset < HALF_QUANTISED_OPSET:
            raise ExportError(
                f"opset: INT8 for TensorRT needs at least {HALF_QUANTISED_OPSET}, whose Q/DQ take "
                f"float16, got {self.opset}."
            )

    def _require_engine(self) -> None:
        """Raise `ExportError` for options of engines that contradict each other or the format."""
        engine = self.engine
        least, best, most = engine.batches
        if not 1 <= least <= best <= most:
            raise ExportError(
                "batch: must be LEAST:BEST:MOST with 1 <= LEAST <= BEST <= MOST, got "
                f"{least}:{best}:{most}."
            )
        if self.layout == "end2end-trt" and engine.version_compatible:
            raise ExportError(
                "version_compatible: another version of TensorRT may lack the NMS plugin of layout "
                "end2end-trt; use NMS by standard operators (--end2end without trt)."
            )
        if self.format == "tensorrt":
            return
        if engine.batches != BATCHES:
            raise ExportError(
                f"batch: LEAST:BEST:MOST is for TensorRT alone; for {self.format} give one "
                "number, or "
                "none for any batch size."
            )
        for name in ("version_compatible", "hardware_compatible"):
            if getattr(engine, name):
                raise ExportError(f"{name}: is an option of TensorRT, got format {self.format}.")

    @property
    def is_half_quantised(self) -> bool:
        """Whether the layers that are not in INT8 are in FP16."""
        return self.format == "tensorrt" and self.precision == "int8"

    def require(self, path: Path) -> None:
        """Raise unless the suffix fits the format and the packages it needs are installed.

        Raises:
            ExportError: if the suffix is a different one, or NNCF is missing for INT8.
            BackendError: if TensorRT is missing.
        """
        suffix = SUFFIXES[self.format]
        if path.suffix != suffix:
            others = ", ".join(
                f"{SUFFIXES[each]} ({each})" for each in SUFFIXES if each != self.format
            )
            raise ExportError(
                f"{path}: {self.format} files end in {suffix}; other formats are {others}."
            )
        if self.format == "tensorrt":
            from maenas.budgets.backends.engine_info import require_tensorrt

            require_tensorrt()
        if self.format == "openvino":
            require("openvino", f"{path}: this format", ExportError)
        if self.precision == "int8":
            require("nncf", "INT8", ExportError)
