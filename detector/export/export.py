"""One detector, one file, checked before it is kept."""

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

MAX_BATCH = 16  # of an engine of open batch
COMPARED = 100  # candidates that NMS is tried on where the options let none through


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was kept.

    Attributes:
        path: of the file.
        metadata: that is in it.
        difference: of its scores and boxes before NMS from torch's in 64 bits.
        rounding: of torch's own in 32 bits from them.
        runtime: what ran it.
        objects: found in the image by its NMS, the same as by ours; None where no NMS ran.
        above: the score they lie above: that of the options, or a lower one where no score in
            the image reaches it, as with weights that were not trained.
    """

    path: Path
    metadata: Metadata
    difference: Difference
    rounding: Difference
    runtime: str
    objects: int | None = None
    above: float | None = None


def export_detector(
    spec: DetectorSpec,
    network: DetectorNetwork,
    path: Path,
    options: ExportOptions,
    image: Floats,
    calibration: Sequence[Floats] = (),
) -> Exported:
    """Write a detector for another runtime, run it there, and keep it only if it agrees with torch.

    Args:
        spec: of the detector.
        network: with the weights; it is left as it is.
        path: of the file, ending as its format does.
        options: what to make.
        image: (1, 3, H, W) that both look at.
        calibration: images (1, 3, H, W) for INT8.
    Raises:
        ExportError: if it cannot be exported so, or differs; there is no file then.
        BackendError: if the runtime it is for is missing.
    """
    options.require(path)
    metadata = replace(metadata_of(spec), precision=options.precision)
    graph = onnx_model(spec, network, options.opset, options.batch)
    model = _in_precision(graph, metadata, options, calibration)
    reference = reference_of(network, image)
    objects = above = None
    with _kept_if_whole(path) as temporary:
        _write(model, metadata, temporary, options)
        scores, boxes, runtime = run_raw(temporary, image)
        found = difference((reference.scores, reference.boxes), (scores, boxes))
        check(found, reference, options.precision)
        if options.layout != "raw":
            runs = (options.format, options.layout) != ("onnx", "end2end-trt")
            trial = telling(scores, options.nms)
            if runs and trial != options.nms:
                lower = replace(options, nms=trial)
                _write_with_nms(model, graph, metadata, temporary, lower)
                objects = _same_objects(temporary, image, lower, scores, boxes)
            metadata = _write_with_nms(model, graph, metadata, temporary, options)
            if runs:
                few = _same_objects(temporary, image, options, scores, boxes)
                objects, above = few if objects is None else objects, trial.min_score
    return Exported(path, metadata, found, reference.rounding, runtime, objects, above)


def telling(scores: Floats, nms: Thresholds) -> Thresholds:
    """The options of NMS, with a lower score if none of `scores` is above theirs.

    Two NMS that both find nothing agree whatever they do; so `COMPARED` candidates go in.
    """
    if (scores > nms.min_score).any() or scores.size <= COMPARED:
        return nms
    best = np.partition(scores.ravel(), -COMPARED - 1)[-COMPARED - 1 :]
    best.sort()
    return replace(nms, min_score=float(best[:2].mean()))  # between two of them


def _same_objects(
    path: Path, image: Floats, options: ExportOptions, scores: Floats, boxes: Floats
) -> int:
    """How many objects the NMS of a file finds, once held to ours; the last two are before NMS."""
    detections, seen, at = run_end_to_end(path, image, options.batch)
    seen = scores[0] if seen is None else seen
    at = boxes[0] if at is None else at
    return check_detections(detections, seen, at, options.nms)


def _in_precision(
    graph: onnx.ModelProto,
    metadata: Metadata,
    options: ExportOptions,
    calibration: Sequence[Floats],
) -> Any:
    """The model in the precision wanted: an `openvino.Model`, else ONNX."""
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
    model: Any, graph: onnx.ModelProto, metadata: Metadata, path: Path, options: ExportOptions
) -> Metadata:
    """Write the model with NMS behind it; returns the metadata of that file."""
    whole = metadata.ending_in(options.layout, options.nms)
    _write(_with_nms(model, graph, metadata, options), whole, path, options)
    return whole


def _with_nms(
    model: Any, graph: onnx.ModelProto, metadata: Metadata, options: ExportOptions
) -> Any:
    """The model with NMS behind it; `graph` is the ONNX model that it was converted from."""
    if options.format == "openvino":
        from maenas.detector.export.openvino import join_nms

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
            from maenas.detector.export.openvino import write_ir

            write_ir(model, metadata, path)
        case "tensorrt":
            from maenas.detector.export.tensorrt import write_engine

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
        with temporary_folder(path.parent) as folder:
            yield folder / path.name
            files = list(folder.iterdir())
            for file in files:
                with file.open("rb") as written:
                    os.fsync(written.fileno())  # a full disk may say so only now
            for file in files:
                os.replace(file, path.parent / file.name)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}.") from None
