"""One detector, one file, checked before it is kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from blocks.errors import one_of
from detector.errors import ExportError
from detector.export.decode import PREFIX
from detector.export.end_to_end import NmsOptions, append_nms, append_plugin_nms, nms_alone
from detector.export.onnx import DEFAULT_OPSET, metadata_of, onnx_model, set_metadata
from detector.export.trial import run_end_to_end, run_raw
from detector.export.verify import Difference, check, check_detections, difference, reference_of
from detector.runtimes.metadata import Layout, Metadata, Precision
from detector.runtimes.runtime import Floats

if TYPE_CHECKING:
    import onnx

    from detector.layers.network import DetectorNetwork
    from detector.spec import DetectorSpec

Format = Literal["onnx", "openvino", "tensorrt"]
SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "openvino": ".xml", "tensorrt": ".engine"}
MAX_BATCH = 16  # of an engine of open batch
HALF_QUANTISED_OPSET = 19  # the first whose Q/DQ take float16


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to make of a detector.

    Attributes:
        format: of the file.
        precision: of the network's body.
        layout: "raw" for scores and boxes; else NMS inside, of standard operators or as
            TensorRT's plugin.
        opset: of ONNX.
        batch: pictures at a time, None for any number.
        nms: of the layouts that have one.
    Raises:
        ExportError, SpecError: for what does not exist or does not go together.
    """

    format: Format = "onnx"
    precision: Precision = "f32"
    layout: Layout = "raw"
    opset: int = DEFAULT_OPSET
    batch: int | None = None
    nms: NmsOptions = field(default_factory=NmsOptions)

    def __post_init__(self) -> None:
        one_of("export", "format", self.format, get_args(Format))
        one_of("export", "precision", self.precision, get_args(Precision))
        one_of("export", "layout", self.layout, get_args(Layout))
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


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was kept.

    Attributes:
        path: of the file.
        metadata: that is in it.
        difference: of its scores and boxes before NMS from torch's in 64 bits.
        rounding: of torch's own in 32 bits from them.
        runtime: what ran it.
        objects: found in the picture by its NMS, the same as by ours; None where no NMS ran.
    """

    path: Path
    metadata: Metadata
    difference: Difference
    rounding: Difference
    runtime: str
    objects: int | None = None


def export_detector(
    spec: DetectorSpec,
    network: DetectorNetwork,
    path: Path,
    options: ExportOptions,
    picture: Floats,
    calibration: Sequence[Floats] = (),
) -> Exported:
    """Write a detector for another runtime, run it there, and keep it only if it agrees with torch.

    Args:
        spec: of the detector.
        network: with the weights; it is left as it is.
        path: of the file, ending as its format does.
        options: what to make.
        picture: (1, 3, H, W) that both look at.
        calibration: pictures (1, 3, H, W) for INT8.
    Raises:
        ExportError: if it cannot be exported so, or differs; there is no file then.
        BackendError: if the runtime it is for is missing.
    """
    suffix = SUFFIXES[options.format]
    if path.suffix != suffix:
        raise ExportError(f"{path}: {options.format} files end in {suffix}.")
    if options.format == "tensorrt":
        from budgets.backends.engine_info import require_tensorrt

        require_tensorrt()
    metadata = replace(metadata_of(spec), precision=options.precision)
    graph = onnx_model(spec, network, options.opset, options.batch)
    model = _in_precision(graph, metadata, options, calibration)
    reference = reference_of(network, picture)
    objects = None
    with _kept_if_whole(path) as temporary:
        _write(model, metadata, temporary, options)
        scores, boxes, runtime = run_raw(temporary, picture)
        found = difference((reference.scores, reference.boxes), (scores, boxes))
        check(found, reference, options.precision)
        if options.layout != "raw":
            metadata = replace(metadata, layout=options.layout)
            _write(_with_nms(model, graph, metadata, options), metadata, temporary, options)
            if (options.format, options.layout) != ("onnx", "end2end-trt"):
                detections, seen, at = run_end_to_end(temporary, picture, options.batch)
                seen = scores[0] if seen is None else seen
                at = boxes[0] if at is None else at
                objects = check_detections(detections, seen, at, options.nms)
    return Exported(path, metadata, found, reference.rounding, runtime, objects)


def _in_precision(
    graph: onnx.ModelProto,
    metadata: Metadata,
    options: ExportOptions,
    calibration: Sequence[Floats],
) -> Any:
    """The model in the precision wanted: an `openvino.Model`, else ONNX."""
    if options.format == "openvino":
        from detector.export.openvino import convert

        return convert(graph, metadata, calibration)
    if options.precision == "int8":
        from detector.export.quantise import quantise

        graph = quantise(graph, calibration, "cpu" if options.format == "onnx" else "tensorrt")
    if options.precision == "f16" or options.is_half_quantised:
        from budgets.graph.half import to_half

        graph = to_half(graph, PREFIX)
    return graph


def _with_nms(
    model: Any, graph: onnx.ModelProto, metadata: Metadata, options: ExportOptions
) -> Any:
    """The model with NMS behind it; `graph` is what it was made of."""
    if options.format == "openvino":
        from detector.export.openvino import join_nms

        return join_nms(model, nms_alone(graph, metadata, options.nms))
    append = append_nms if options.layout == "end2end" else append_plugin_nms
    return append(model, metadata, options.nms)


def _write(model: Any, metadata: Metadata, path: Path, options: ExportOptions) -> None:
    """Write the model as a file of its format."""
    match options.format:
        case "onnx":
            set_metadata(model, metadata)
            path.write_bytes(model.SerializeToString())
        case "openvino":
            from detector.export.openvino import write_ir

            write_ir(model, metadata, path)
        case "tensorrt":
            from detector.export.tensorrt import write_engine

            write_engine(model, metadata, path, options.batch or MAX_BATCH)


@contextmanager
def _kept_if_whole(path: Path) -> Iterator[Path]:
    """A path of the same name elsewhere; what lies beside it in the end goes to `path`.

    Nothing does if the block raises.

    Raises:
        ExportError: if the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            yield Path(folder) / path.name
            for file in Path(folder).iterdir():
                os.replace(file, path.parent / file.name)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}.") from None
