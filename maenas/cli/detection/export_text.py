"""The result of `maenas export` as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.detection.export import ExportResult


def summary(result: ExportResult) -> list[str]:
    """The result as lines of text."""
    from maenas.detector.channels import shown_shape
    from maenas.detector.export.verify import TOLERANCES

    exported, metadata = result.exported, result.exported.metadata
    tolerance = TOLERANCES[metadata.precision]
    shape = shown_shape(metadata.in_shape)
    lines = [
        f"{exported.path}: {metadata.layout}, {metadata.precision}, {shape}",
        f"ran in {exported.runtime}",
        *([f"computes {exported.computes}"] if exported.computes else []),
        f"difference from torch in 64 bits: {exported.difference}",
        f"difference of torch in 32 bits:   {exported.rounding}",
    ]
    if metadata.precision != "f32":
        lines.append(
            f"{metadata.precision} rounds: its {tolerance.of} difference may be "
            f"{tolerance.scores:g} in scores and {tolerance.boxes:g} px"
        )
    end = "selection" if metadata.max_iou == 1 else "NMS"
    if exported.objects:
        lines.append(
            f"its {end} gives the same {exported.objects} detections as the {end} of maenas above "
            f"{exported.above:.3g}"
        )
    elif exported.objects == 0:
        lines.append(f"its {end} was not compared: no score in the image stands out")
    elif metadata.layout == "end2end-trt":
        lines.append(f"its {end} was not run: the plugin is TensorRT's alone")
    return lines
