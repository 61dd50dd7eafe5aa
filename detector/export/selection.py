"""Selection of the most confident detections as ONNX nodes, without NMS."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from maenas.budgets.graph.writer import GraphWriter
from maenas.detector.ops.thresholds import Thresholds


def write_selection(
    writer: GraphWriter, positions: int, classes: int, options: Thresholds, prefix: str
) -> None:
    """Append nodes from `scores` and `boxes` to `detections` (B, max_detections, 6).

    A pair of anchor point and class among the K best is at one of the K anchor points whose best
    class is most confident. So only these K take part in the second sort: of 24,000 pairs instead
    of 672,000 for 8400 anchor points and 80 classes.

    Args:
        writer: writer of the graph that the nodes are added to.
        positions: number of anchor points, N.
        classes: number of classes, C.
        options: thresholds, without NMS.
        prefix: prefix of all nodes and constants.
    """
    few = min(options.max_detections, positions)
    most = min(options.max_detections, few * classes)

    def add(kind: str, name: str, inputs: list[str], *outputs: str, **attributes: int) -> str:
        return writer.node(kind, prefix + name, inputs, *outputs, **attributes)

    def whole(name: str, *values: int) -> str:
        return writer.constant(prefix + name, np.array(values))

    axis = whole("column", 2)
    best = add("ReduceMax", "best_class", ["scores", axis], keepdims=0)  # (B, N)
    place = prefix + "places"
    add("TopK", "best_places", [best, whole("few", few)], prefix + "best_scores", place)
    index = add("Unsqueeze", "place_index", [place, axis])  # (B, few, 1)
    found = add("GatherND", "place_scores", ["scores", index], batch_dims=1)  # (B, few, C)
    pairs = add("Reshape", "pairs", [found, whole("flat", 0, few * classes)])
    top, pair = prefix + "top", prefix + "pair"
    add("TopK", "best_pairs", [pairs, whole("most", most)], top, pair)  # (B, most)
    count = whole("classes", classes)
    row, label = add("Div", "row", [pair, count]), add("Mod", "label", [pair, count])
    chosen = add("GatherElements", "chosen", [place, row], axis=1)
    chosen = add("Unsqueeze", "chosen_index", [chosen, axis])
    parts = [
        add("GatherND", "box", ["boxes", chosen], batch_dims=1),
        add("Unsqueeze", "score_column", [top, axis]),
        add(
            "Unsqueeze",
            "label_column",
            [add("Cast", "label_number", [label], to=TensorProto.FLOAT), axis],
        ),
    ]
    rows = add("Concat", "rows", parts, axis=2)  # (B, most, 6)
    limit = writer.constant(f"{prefix}min_score", np.array(options.min_score, np.float32))
    mine = add("Unsqueeze", "mine_column", [add("Greater", "mine", [top, limit]), axis])
    nothing = writer.constant(f"{prefix}nothing", np.array(0, np.float32))
    if most == options.max_detections:
        add("Where", "detections", [mine, rows, nothing], "detections")
        return
    kept = add("Where", "kept", [mine, rows, nothing])
    missing = whole("missing", 0, 0, 0, 0, options.max_detections - most, 0)
    add("Pad", "detections", [kept, missing], "detections")
