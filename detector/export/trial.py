"""One run of an exported file, by the runtime it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from detector.runtimes.load import load_runtime
from detector.runtimes.runtime import Floats


def run_raw(path: Path, picture: Floats) -> tuple[Floats, Floats, str]:
    """Scores, boxes, and what ran the file.

    Args:
        path: of a file before NMS.
        picture: (1, 3, H, W).
    Raises:
        ModelError: if it cannot be run.
    """
    runtime = load_runtime(path)
    scores, boxes = runtime.run(picture)
    return scores, boxes, runtime.about.removesuffix(f", {path}")


def run_end_to_end(path: Path, picture: Floats, batch: int | None) -> Floats:
    """Detections (max_detections, 6) of one picture: x1 y1 x2 y2 score class, then zeros.

    Args:
        path: of a file that ends in NMS.
        picture: (1, 3, H, W).
        batch: the file was made for, None for any.
    Raises:
        ModelError: if it cannot be run.
    """
    pictures = np.repeat(picture, batch or 1, axis=0)
    match path.suffix:
        case ".onnx":
            from detector.runtimes.onnx_runtime import open_session

            found = open_session(path).run(["detections"], {"images": pictures})[0]
        case ".xml":
            found = _run_ir(path, pictures)
        case _:
            from detector.runtimes.tensorrt_runtime import Engine

            found = joined(Engine(path).run(pictures))
    detections: Floats = found[0]
    return detections


def joined(outputs: dict[str, Any]) -> Floats:
    """The outputs of a TensorRT engine as detections (B, max_detections, 6)."""
    if "detections" in outputs:
        whole: Floats = outputs["detections"]
        return whole
    boxes, scores = outputs["det_boxes"], outputs["det_scores"]
    columns = (boxes, scores[..., None], outputs["det_classes"][..., None].astype(np.float32))
    rows: Floats = np.concatenate(columns, axis=2)
    filled = np.arange(rows.shape[1]) < outputs["num_dets"]  # (B, max_detections)
    return np.where(filled[..., None], rows, np.float32(0))


def _run_ir(path: Path, pictures: Floats) -> Floats:
    import openvino

    from detector.runtimes.openvino_runtime import read_model

    core = openvino.Core()
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(read_model(core, path), "CPU", config)
    found: Floats = compiled({"images": pictures})["detections"]
    return found
