"""Run an exported file once, in the runtime it is made for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maenas.blocks.files.suffixes import suffix_of
from maenas.detector.arrays import Floats
from maenas.detector.runtimes.file_runtime import as_detections
from maenas.detector.runtimes.load import load_runtime

WATCHED = ["detections", "scores", "boxes"]  # output and inputs of the NMS


def run_raw(path: Path, image: Floats) -> tuple[Floats, Floats, str]:
    """Run a file without NMS; returns scores, boxes and a description of the runtime.

    Args:
        path: path of a file without NMS.
        image: (1, C, H, W), image to run on.
    Raises:
        ModelError: if it cannot be run.
    """
    runtime = load_runtime(path)
    scores, boxes = runtime.run(image)
    return scores, boxes, runtime.about.removesuffix(f", {path}")


def run_end_to_end(path: Path, image: Floats, batch: int | None) -> dict[str, Floats]:
    """Run a file with NMS on an image; returns the output and the inputs of its NMS by name.

    Args:
        path: path of a file that ends in NMS.
        image: (1, C, H, W), image to run on.
        batch: batch size of the file; None for any.
    Returns:
        `detections` (max_detections, 6) as x1 y1 x2 y2 score class, then zeros; `scores`
        (N, num_classes) and `boxes` (N, 4), which an engine has only if they are outputs.
    Raises:
        ModelError: if it cannot be run.
    """
    images = np.repeat(image, batch or 1, axis=0)
    match suffix_of(path):
        case ".onnx":
            found = _run_onnx(path, images)
        case ".xml":
            found = _run_ir(path, images)
        case _:
            from maenas.detector.runtimes.tensorrt_runtime import open_engine

            outputs = open_engine(path).run(images)
            found = {**outputs, "detections": as_detections(outputs)}
    return {name: found[name][0] for name in WATCHED if name in found}


def _run_onnx(path: Path, images: Floats) -> dict[str, Floats]:
    """The outputs of an ONNX model and the inputs of its NMS, by name."""
    import onnx
    from onnx import helper

    from maenas.detector.runtimes.onnx_runtime import open_session

    model = onnx.load(path)
    for name in WATCHED[1:]:
        model.graph.output.append(helper.make_empty_tensor_value_info(name))
    watched = path.with_name(f"watched{path.suffix}")
    onnx.save(model, watched)
    try:
        found = open_session(watched).run(WATCHED, {"images": images})
    finally:
        watched.unlink()
    return dict(zip(WATCHED, found, strict=True))


def _run_ir(path: Path, images: Floats) -> dict[str, Floats]:
    """The outputs of an IR and the inputs of its NMS, by name."""
    from maenas.budgets.backends.openvino_core import openvino_core
    from maenas.detector.runtimes.openvino_runtime import read_model

    model = read_model(path)
    model.add_outputs(WATCHED[1:])
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    request = openvino_core().compile_model(model, "CPU", config).create_infer_request()
    found = request.infer({"images": images})
    return {name: found[name] for name in WATCHED}
