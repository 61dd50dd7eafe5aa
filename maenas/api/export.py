"""Python API: export a detector for other runtimes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.budgets.image_size import InputSize
    from maenas.detection.export import ExportResult
    from maenas.detection.predictor import Predictor

LOG = logging.getLogger(__name__)


def export(
    detector: str | Path | Predictor,
    out: str | Path | None = None,
    *,
    file_format: str | None = None,
    precision: str = "f32",
    end2end: bool = False,
    plugin: str | None = None,
    batch: int | str | None = None,
    input_size: InputSize = None,
    opset: int = 19,
    min_score: float = 0.05,
    max_iou: float | None = None,
    max_detections: int = 300,
    calibration: str | Path | None = None,
    image: str | Path | None = None,
    version_compatible: bool = False,
    hardware_compatible: bool = False,
    exist_ok: bool = False,
) -> ExportResult:
    """Export a detector to ONNX Runtime, OpenVINO or TensorRT, and check it against torch.

    Args:
        detector: a detector or training run folder, `detector.yaml`, `zoo:NAME`, or a `Detector`.
        out: path of the file; beside the detector if None.
        file_format: "onnx", "openvino" or "tensorrt"; if None that of the suffix of `out`, or
            "onnx".
        precision: number format "f32", "f16" or "int8"; decoding stays in float.
        end2end: put NMS into the file, by standard operators.
        plugin: "trt" for NMS by TensorRT's plugin, with four outputs; needs `end2end`.
        batch: batch size of the file; any if None. For TensorRT also "LEAST:BEST:MOST", such as
            "1:8:32": the engine takes any batch size in between and is tuned for BEST; None is
            "1:1:16".
        input_size: side of the input image in pixels, or (height, width); that of the detector if
            None.
        opset: opset of ONNX: 18, 19 or 20.
        min_score: minimum confidence of a detection, with `end2end`.
        max_iou: IoU threshold of NMS, with `end2end`; if None 0.7, or no NMS for a detector with a
            one-to-one head.
        max_detections: maximum number of detections per image, with `end2end`.
        calibration: folder of calibration images for INT8; generated images if None.
        image: image for the comparison with torch; a generated one if None.
        version_compatible: whether later versions of TensorRT can run the engine, which then
            contains code of TensorRT's runtime.
        hardware_compatible: whether other GPUs, Ampere and newer, can run the engine.
        exist_ok: replace the file if it exists.
    Raises:
        ExportError: if the detector cannot be exported with these options, or the file differs
            from torch; no file is left then.
        MaenasError: if the detector cannot be read, or the runtime is missing.

    Example:
        >>> maenas.export("runs/train/exp", "detector.onnx").path
        PosixPath('detector.onnx')
    """
    from dataclasses import replace

    from maenas.blocks import SpecError
    from maenas.blocks.files.suffixes import suffix_of
    from maenas.budgets.backends.engine_info import EngineOptions
    from maenas.detection.export import (
        ExportResult,
        batches_in,
        beside,
        calibration_images,
        comparison_image,
        images_in,
        model_of,
    )
    from maenas.detector.export.options import BATCHES, SUFFIXES, ExportOptions
    from maenas.detector.media.images import read_image
    from maenas.detector.ops.thresholds import MAX_IOU, Thresholds

    name, find = model_of(detector, input_size)
    if plugin not in (None, "trt") or (plugin and not end2end):
        raise SpecError(f"{plugin}: not understood; NMS by plugin is `--end2end trt`.")
    fixed, batches = batches_in(batch)
    by_suffix = {suffix: kind for kind, suffix in SUFFIXES.items()}
    usual = by_suffix.get(suffix_of(out), "onnx") if out else "onnx"
    precision = precision.lower()
    options = ExportOptions(
        format=(file_format or usual).lower(),  # type: ignore[arg-type]
        precision=precision,  # type: ignore[arg-type]
        layout="end2end-trt" if plugin else "end2end" if end2end else "raw",
        opset=opset,
        batch=fixed,
        nms=Thresholds(min_score, MAX_IOU if max_iou is None else max_iou, max_detections),
        engine=EngineOptions(batches or BATCHES, version_compatible, hardware_compatible),
    )
    path = Path(out) if out else beside(name, SUFFIXES[options.format])
    if path.exists() and not exist_ok:
        raise SpecError(f"{path}: exists; --exist-ok replaces it, --out names another file.")
    options.require(path)
    pixels = None if image is None else read_image(Path(image))
    examples = images_in(Path(calibration)) if calibration and precision == "int8" else None

    # torch takes seconds to load, so mistakes are reported first
    from maenas.detector.export.export import export_detector

    spec, network, trained, mapped_from = find()
    if spec.head.one_to_one and max_iou is None:
        options = replace(options, nms=options.nms.without_nms())
    if mapped_from is not None:
        LOG.info(
            f"{name}: its weights were mapped from {mapped_from} and not trained since: the "
            "detections of the file may be wrong"
        )
    elif trained is False:
        LOG.info(f"{name} has no trained weights: the file is useful only to measure latency")
    if precision == "int8" and calibration is None:
        LOG.info(
            "calibrating on generated images; --calibration FOLDER with your own images keeps "
            "more AP"
        )
    exported = export_detector(
        *(spec, network, path, options, comparison_image(pixels, spec)),
        calibration_images(examples, spec) if precision == "int8" else (),
        trained,
        mapped_from,
    )
    return ExportResult(name, exported)
