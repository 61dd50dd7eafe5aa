"""Export a detector to a file, which is checked before it is kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maenas.blocks.files.temporary import temporary_folder
from maenas.detector.arrays import Floats
from maenas.detector.errors import ExportError
from maenas.detector.export.decode import PREFIX
from maenas.detector.export.end_to_end import append_nms, append_plugin_nms, nms_alone
from maenas.detector.export.onnx import metadata_of, onnx_model, set_metadata
from maenas.detector.export.options import ExportOptions
from maenas.detector.export.trial import run_end_to_end, run_raw
from maenas.detector.export.verify import (
    Difference,
    check,
    check_detections,
    difference,
    reference_of,
)
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.runtimes.metadata import Metadata

if TYPE_CHECKING:
    import onnx

    from maenas.detector.model.layers.network import DetectorNetwork
    from maenas.detector.model.spec import DetectorSpec

COMPARED = 100  # scores that NMS is tested with if none is above min_score


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported file that passed its checks.

    Attributes:
        path: path of the file.
        metadata: metadata in the file.
        difference: difference of its scores and boxes before NMS from torch in float64.
        rounding: difference of torch in float32 from torch in float64.
        runtime: runtime that the file was checked in.
        objects: number of detections by its NMS, equal to those of `detector.ops.nms`; None if no
            NMS was run.
        above: confidence threshold of these detections: that of the options, or a lower one if no
            score in the image reaches it, as with untrained weights.
        computes: share of the convolutions that TensorRT computes in the precision; "" for other
            runtimes.
    """

    path: Path
    metadata: Metadata
    difference: Difference
    rounding: Difference
    runtime: str
    objects: int | None = None
    above: float | None = None
    computes: str = ""


def export_detector(
    spec: DetectorSpec,
    network: DetectorNetwork,
    path: Path,
    options: ExportOptions,
    image: Floats,
    calibration: Sequence[Floats] = (),
    trained: bool | None = None,
    mapped_from: str | None = None,
) -> Exported:
    """Write a detector for another runtime, run it there, and keep it only if it agrees with torch.

    Args:
        spec: spec of the detector.
        network: network with its weights; it is not changed.
        path: path of the file, with the suffix of its format.
        options: options of the export.
        image: (1, C, H, W), image that both are run on.
        calibration: calibration images for INT8, each (1, C, H, W).
        trained: whether the network has trained weights; None if that is unknown.
        mapped_from: detector that weights were mapped from which are not trained; None for others.
    Raises:
        ExportError: if the detector cannot be exported with these options, or the file differs
            from torch; no file is left then.
        BackendError: if the runtime of the format is not installed.
    """
    options.require(path)
    metadata = replace(
        metadata_of(spec),
        precision=options.precision,
        trained=trained,
        mapped_from=mapped_from,
    )
    graph = onnx_model(spec, network, options.opset, options.batch)
    model = _in_precision(graph, metadata, options, calibration)
    reference = reference_of(network, image)
    objects = above = None
    with _kept_if_whole(path) as temporary:
        computes = _write(model, metadata, temporary, options)
        scores, boxes, runtime = run_raw(temporary, image)
        found = difference((reference.scores, reference.boxes), (scores, boxes))
        check(found, reference, options.precision)
        if options.layout != "raw":
            runs = (options.format, options.layout) != ("onnx", "end2end-trt")
            trial = telling(scores, options.nms)
            is_engine = options.format == "tensorrt"
            if runs and (is_engine or trial != options.nms):
                lower = replace(options, nms=trial)
                _write_with_nms(model, graph, metadata, temporary, lower, watched=is_engine)
                objects = _same_objects(temporary, image, lower)
            metadata = _write_with_nms(model, graph, metadata, temporary, options)
            if is_engine:  # its scores differ from those of the engine that was compared
                run_end_to_end(temporary, image, options.batch)
            elif runs:
                few = _same_objects(temporary, image, options)
                objects = few if objects is None else objects
            above = trial.min_score if runs else None
    return Exported(path, metadata, found, reference.rounding, runtime, objects, above, computes)


def telling(scores: Floats, nms: Thresholds) -> Thresholds:
    """Thresholds for the check of NMS: a lower min_score if none of `scores` exceeds it.

    Two NMS without input always agree, so the threshold is lowered until `COMPARED` scores
    exceed it.
    """
    if (scores > nms.min_score).any() or scores.size <= COMPARED:
        return nms
    best = np.partition(scores.ravel(), -COMPARED - 1)[-COMPARED - 1 :]
    best.sort()
    return replace(nms, min_score=float(best[:2].mean()))  # between two scores


def _same_objects(path: Path, image: Floats, options: ExportOptions) -> int:
    """Compare the NMS of a file with ours on the scores and boxes it got; count its detections.

    Args:
        path: file that ends in NMS; an engine has its scores and boxes as outputs.
        image: (1, C, H, W).
        options: options of the export.
    """
    found = run_end_to_end(path, image, options.batch)
    return check_detections(found["detections"], found["scores"], found["boxes"], options.nms)


def _in_precision(
    graph: onnx.ModelProto,
    metadata: Metadata,
    options: ExportOptions,
    calibration: Sequence[Floats],
) -> Any:
    """Convert the model to the wanted precision: an `openvino.Model`, else ONNX."""
    if options.format == "openvino":
        from maenas.detector.export.openvino import convert

        return convert(graph, metadata, calibration)
    if options.precision == "int8":
        from maenas.detector.export.quantise import quantise

        graph = quantise(graph, calibration, "cpu" if options.format == "onnx" else "tensorrt")
    if options.precision == "f16" or options.is_half_quantised:
        from maenas.budgets.graph.half import to_half

        graph = to_half(graph, PREFIX)
    return graph


def _write_with_nms(
    model: Any,
    graph: onnx.ModelProto,
    metadata: Metadata,
    path: Path,
    options: ExportOptions,
    watched: bool = False,
) -> Metadata:
    """Write the model with NMS at its end; returns the metadata of that file.

    Args:
        model: model without NMS.
        graph: ONNX model that it was converted from.
        metadata: metadata of the model without NMS.
        path: path of the file.
        options: options of the export.
        watched: whether the scores and boxes before NMS stay outputs, as an engine needs for its
            comparison: two builds may round differently, and other boxes then survive.
    """
    whole = metadata.ending_in(options.layout, options.nms)
    joined = _with_nms(model, graph, metadata, options)
    if watched:
        joined.graph.output.extend(model.graph.output)
    _write(joined, whole, path, options)
    return whole


def _with_nms(
    model: Any, graph: onnx.ModelProto, metadata: Metadata, options: ExportOptions
) -> Any:
    """The model with NMS at its end; `graph` is the ONNX model that it was converted from."""
    if options.format == "openvino":
        from maenas.detector.export.openvino import join_nms

        return join_nms(model, nms_alone(graph, metadata, options.nms))
    append = append_nms if options.layout == "end2end" else append_plugin_nms
    return append(model, metadata, options.nms)


def _write(model: Any, metadata: Metadata, path: Path, options: ExportOptions) -> str:
    """Write the model as a file of its format; returns what TensorRT says of its precision."""
    match options.format:
        case "onnx":
            set_metadata(model, metadata)
            path.write_bytes(model.SerializeToString())
        case "openvino":
            from maenas.detector.export.openvino import write_ir

            write_ir(model, metadata, path)
        case "tensorrt":
            from maenas.detector.export.tensorrt import write_engine

            return str(write_engine(model, metadata, path, options.engine))
    return ""


@contextmanager
def _kept_if_whole(path: Path) -> Iterator[Path]:
    """Yield a path of the same name in a temporary folder, whose files then move to `path`.

    If the block raises, no file is moved.

    Raises:
        ExportError: if the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(path.parent) as folder:
            yield folder / path.name
            files = list(folder.iterdir())
            for file in files:
                with file.open("rb") as written:
                    os.fsync(written.fileno())  # a full disk may be reported only here
            for file in files:
                os.replace(file, path.parent / file.name)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}.") from None
