"""Append NMS to an ONNX model."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from maenas.budgets.graph.writer import GraphWriter
from maenas.detector.export.onnx import floats, set_metadata
from maenas.detector.export.selection import write_selection
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.runtimes.metadata import Metadata

PLUGIN_DOMAIN = "trt.plugins"  # TensorRT finds a plugin by its name in any domain
ONE = numpy_helper.from_array(np.array([1]))
PREFIX = "nms/"  # prefix of all nodes and constants of the NMS
NEVER = "nms/never"  # constant -1, a score below that of every detection


def append_nms(model: onnx.ModelProto, metadata: Metadata, options: Thresholds) -> onnx.ModelProto:
    """A copy with one output `detections` (B, max_detections, 6), by standard operators.

    A row is x1 y1 x2 y2 score class, best first, rows of zeros behind the last. NMS runs for each
    class alone, as in `detector.ops.nms.nms`, so one box may be kept for several classes. With an
    NMS IoU threshold of 1 there is no NMS, and the most confident pairs of box and class are kept.

    Args:
        model: model with the outputs `scores` and `boxes`.
        metadata: metadata of that model.
        options: thresholds of the NMS.
    """
    writer = GraphWriter()
    if options.has_nms:
        _write_nms(writer, options)
    else:
        write_selection(writer, *_sizes(model), options, PREFIX)
    outputs = [floats("detections", several(model), options.max_detections, 6)]
    extended = _extended(model, writer, outputs, metadata.ending_in("end2end", options))
    onnx.checker.check_model(extended, full_check=True)
    return extended


def nms_alone(model: onnx.ModelProto, metadata: Metadata, options: Thresholds) -> onnx.ModelProto:
    """The NMS of `append_nms` as a separate model with the inputs `scores` and `boxes`."""
    alone = append_nms(model, metadata, options)
    graph = alone.graph
    nodes = [node for node in graph.node if node.name.startswith(PREFIX)]
    constants = [constant for constant in graph.initializer if constant.name.startswith(PREFIX)]
    for field in (graph.node, graph.initializer, graph.input):
        del field[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    graph.input.extend(model.graph.output)
    onnx.checker.check_model(alone, full_check=True)
    return alone


def append_plugin_nms(
    model: onnx.ModelProto, metadata: Metadata, options: Thresholds
) -> onnx.ModelProto:
    """A copy with the four outputs of TensorRT's `EfficientNMS_TRT`, which only TensorRT runs.

    They are num_dets (B, 1), det_boxes (B, K, 4), det_scores (B, K) and det_classes (B, K), as
    DeepStream and Triton expect them. Source: the plugin's README in NVIDIA/TensorRT.
    """
    writer = GraphWriter()
    batch, most = several(model), options.max_detections
    outputs = [
        helper.make_tensor_value_info("num_dets", TensorProto.INT32, [batch, 1]),
        floats("det_boxes", batch, most, 4),
        floats("det_scores", batch, most),
        helper.make_tensor_value_info("det_classes", TensorProto.INT32, [batch, most]),
    ]
    writer.node(
        "EfficientNMS_TRT",
        "nms/plugin",
        ["boxes", "scores"],
        *(output.name for output in outputs),
        domain=PLUGIN_DOMAIN,
        plugin_version="1",
        background_class=-1,  # none of the classes
        max_output_boxes=most,
        score_threshold=options.min_score,
        iou_threshold=options.max_iou,
        score_activation=0,  # scores went through the sigmoid already
        class_agnostic=0,
        box_coding=0,  # corners
    )
    extended = _extended(model, writer, outputs, metadata.ending_in("end2end-trt", options))
    extended.opset_import.append(helper.make_opsetid(PLUGIN_DOMAIN, 1))
    onnx.checker.check_model(extended)
    return extended


def several(model: onnx.ModelProto) -> int | str:
    """The batch dimension of a model: a number, or its name if it is dynamic."""
    dimension = model.graph.input[0].type.tensor_type.shape.dim[0]
    if dimension.HasField("dim_param"):
        return str(dimension.dim_param)
    return int(dimension.dim_value)


def _sizes(model: onnx.ModelProto) -> tuple[int, int]:
    """Number of anchor points and of classes of a model, from its output `scores`."""
    scores = next(output for output in model.graph.output if output.name == "scores")
    _, positions, classes = scores.type.tensor_type.shape.dim
    return int(positions.dim_value), int(classes.dim_value)


def _write_nms(writer: GraphWriter, options: Thresholds) -> None:
    """Append NMS and the ranking of what it keeps."""
    owner, score, found = _write_kept(writer, options)
    top, rows, chosen = _write_ranking(writer, owner, score, found, options.max_detections)
    rows = writer.node("Gather", "nms/chosen_rows", [rows, chosen], axis=0)  # (B, K, 6)
    mine = writer.node("Greater", "nms/mine", [top, NEVER])
    mine = writer.node("Unsqueeze", "nms/mine_column", [mine, _numbers(writer, 2)])
    nothing = writer.constant("nms/nothing", np.array(0, np.float32))
    writer.node("Where", "nms/detections", [mine, rows, nothing], "detections")


def _write_kept(writer: GraphWriter, options: Thresholds) -> tuple[str, str, str]:
    """Append NMS over all images of the batch, which keeps M boxes.

    Returns:
        Names of the tensors of image indices (M, 1), scores (M,) and rows (M, 6).
    """
    add = writer.node
    by_class = add("Transpose", "nms/by_class", ["scores"], perm=[0, 2, 1])  # (B, C, N)
    limits = [
        _numbers(writer, options.max_detections),
        writer.constant("nms/max_iou", np.array([options.max_iou], np.float32)),
        writer.constant("nms/min_score", np.array([options.min_score], np.float32)),
    ]
    # (M, 3): image, class, anchor point. The operator expects corners as (y, x) and gets (x, y):
    # IoU does not change when both axes are swapped.
    kept = add("NonMaxSuppression", "nms/kept", ["boxes", by_class, *limits])
    score = add("GatherND", "nms/score", [by_class, kept])  # (M,)
    owner = add("Gather", "nms/owner", [kept, _numbers(writer, 0)], axis=1)  # (M, 1)
    label = add("Gather", "nms/label", [kept, _numbers(writer, 1)], axis=1)
    position = add("Gather", "nms/place", [kept, _numbers(writer, 0, 2)], axis=1)
    parts = [
        add("GatherND", "nms/box", ["boxes", position]),
        add("Unsqueeze", "nms/score_column", [score, _numbers(writer, 1)]),
        add("Cast", "nms/label_column", [label], to=TensorProto.FLOAT),
    ]
    return owner, score, add("Concat", "nms/found", parts, axis=1)


def _write_ranking(
    writer: GraphWriter, owner: str, score: str, found: str, most: int
) -> tuple[str, str, str]:
    """Append nodes that select the best rows of each image.

    Every image ranks all M rows and K blank rows; blanks and rows of other images score -1.

    Returns:
        Names of the best scores (B, K), all rows (M + K, 6), and indices of the best rows (B, K).
    """
    add, constant = writer.node, writer.constant
    blank = constant("nms/blank", np.zeros((most, 6), np.float32))
    rows = add("Concat", "nms/rows", [found, blank], axis=0)
    batch = add("Shape", "nms/batch", ["scores"], start=0, end=1)
    ones = add("ConstantOfShape", "nms/ones", [batch], value=ONE)
    images = add("NonZero", "nms/images", [ones])  # (1, B): 0, 1, ..
    images = add("Transpose", "nms/image_column", [images], perm=[1, 0])
    owners = add("Transpose", "nms/owner_row", [owner], perm=[1, 0])  # (1, M)
    own = add("Equal", "nms/own", [images, owners])  # (B, M)
    never = constant(NEVER, np.array(-1, np.float32))
    own_scores = add("Where", "nms/own_scores", [own, score, never])
    shape = add("Concat", "nms/blank_shape", [batch, _numbers(writer, most)], axis=0)
    blank_scores = add("Expand", "nms/blank_scores", [never, shape])  # (B, K)
    ranks = add("Concat", "nms/ranks", [own_scores, blank_scores], axis=1)  # (B, M + K)
    best = [ranks, _numbers(writer, most)]
    add("TopK", "nms/best", best, "nms/top", "nms/chosen")
    return "nms/top", rows, "nms/chosen"


def _numbers(writer: GraphWriter, *values: int) -> str:
    """Name of a constant that holds a list of integers."""
    return writer.constant(f"nms/{'_'.join(map(str, values))}", np.array(values))


def _extended(
    model: onnx.ModelProto,
    writer: GraphWriter,
    outputs: list[onnx.ValueInfoProto],
    metadata: Metadata,
) -> onnx.ModelProto:
    """A copy of the model with the nodes appended and new outputs."""
    extended = onnx.ModelProto()
    extended.CopyFrom(model)
    graph = extended.graph
    graph.node.extend(writer.nodes)
    graph.initializer.extend(writer.constants.values())
    del graph.output[:]
    graph.output.extend(outputs)
    set_metadata(extended, metadata)
    return extended
