"""TensorRT's plugin for NMS, computed by torch behind the rest of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper

from maenas.detector.ops.nms import nms

PLUGIN = "EfficientNMS_TRT"
Outputs = dict[str, Any]


def split_plugin(
    model: onnx.ModelProto,
) -> tuple[onnx.ModelProto, Callable[[Outputs], Outputs] | None]:
    """The model before the plugin, and a function that computes the plugin; None without one."""
    if not any(node.op_type == PLUGIN for node in model.graph.node):
        return model, None
    front = onnx.ModelProto()
    front.CopyFrom(model)
    plugin = next(node for node in front.graph.node if node.op_type == PLUGIN)
    front.graph.node.remove(plugin)
    del front.graph.output[:]
    front.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in plugin.input)
    told = {a.name: helper.get_attribute_value(a) for a in plugin.attribute}

    def compute(found: Outputs) -> Outputs:
        boxes, scores = (found[name] for name in plugin.input)
        return dict(zip(plugin.output, _suppressed(boxes, scores, told), strict=True))

    return front, compute


def _suppressed(boxes: Any, scores: Any, told: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    most = told["max_output_boxes"]
    counts = np.zeros((len(boxes), 1), np.int32)
    kept_boxes = np.zeros((len(boxes), most, 4), np.float32)
    kept_scores = np.zeros((len(boxes), most), np.float32)
    classes = np.zeros((len(boxes), most), np.int32)
    for index, (box, score) in enumerate(zip(boxes, scores, strict=True)):
        one = nms(torch.from_numpy(score), torch.from_numpy(box),
                  told["score_threshold"], told["iou_threshold"], most)  # fmt: skip
        count = len(one.scores)
        counts[index] = count
        kept_boxes[index, :count] = one.boxes
        kept_scores[index, :count] = one.scores
        classes[index, :count] = one.classes
    return counts, kept_boxes, kept_scores, classes
