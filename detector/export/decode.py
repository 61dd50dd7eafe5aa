"""Decoding as ONNX nodes: from raw outputs to `scores` and `boxes`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from maenas.budgets.graph.writer import GraphWriter
from maenas.detector.model.decode import anchor_points

PREFIX = "decode/"  # prefix of the nodes here, which stay in float in FP16 and INT8


def write_decoding(
    writer: GraphWriter,
    levels: Sequence[tuple[str, str]],
    in_size: tuple[int, int],
    strides: Sequence[int],
    num_classes: int,
    bins: int,
) -> None:
    """Append nodes that compute `scores` (B, N, num_classes) and `boxes` (B, N, 4) of raw outputs.

    `detector.model.decode.decode` computes the same in torch. The anchor points stay the innermost
    axis of the distances, and the expectation is a product with the vector of bins: on a CPU this
    takes 0.65 of the time of a softmax over the innermost axis (8400 anchor points, 17 bins,
    OpenVINO).

    Args:
        writer: writer of the graph that the nodes are added to.
        levels: names of class logits (B, num_classes, H, W) and distance logits
            (B, 4 * bins, H, W), finest level first.
        in_size: (height, width) of the images; the anchor points become constants.
        strides: stride of each level in pixels.
        num_classes: number of scores of an anchor point.
        bins: number of bins of the distribution over distances.
    """
    _write_scores(writer, [scores for scores, _ in levels], num_classes)
    distances = _write_distances(writer, [distances for _, distances in levels], bins)
    height, width = in_size
    sizes = [(height // stride, width // stride) for stride in strides]
    points, steps = (found.numpy().T for found in anchor_points(sizes, strides, torch.zeros(())))
    outward = np.array([[-1], [-1], [1], [1]], np.float32)  # left and up, right and down
    offsets = writer.node(
        "Mul",
        f"{PREFIX}offsets",
        [distances, writer.constant("signed_strides", outward * steps)],  # (4, N)
    )
    corners = writer.constant("anchor_points", np.concatenate((points, points)))  # (4, N)
    boxes = writer.node("Add", f"{PREFIX}corners", [offsets, corners])
    writer.node("Transpose", f"{PREFIX}boxes", [boxes], "boxes", perm=[0, 2, 1])


def _write_scores(writer: GraphWriter, levels: Sequence[str], num_classes: int) -> None:
    """Sigmoid of each level, joined: (B, num_classes, H, W) -> `scores` (B, N, num_classes).

    Each level is transposed separately, so that a runtime with channels innermost does not have to
    move data.
    """
    shape = writer.constant("scores_shape", np.array([0, -1, num_classes]))
    flat = []
    for index, logits in enumerate(levels):
        scores = writer.node("Sigmoid", f"{PREFIX}scores_{index}", [logits])
        scores = writer.node("Transpose", f"{PREFIX}rows_{index}", [scores], perm=[0, 2, 3, 1])
        flat.append(writer.node("Reshape", f"{PREFIX}flat_scores_{index}", [scores, shape]))
    writer.node("Concat", f"{PREFIX}scores", flat, "scores", axis=1)


def _write_distances(writer: GraphWriter, levels: Sequence[str], bins: int) -> str:
    """Expected distance of each side in strides: (B, 4 * bins, H, W) -> (B, 4, N)."""
    shape = writer.constant("distances_shape", np.array([0, 4, bins, -1]))
    flat = [
        writer.node("Reshape", f"{PREFIX}flat_distances_{index}", [logits, shape])
        for index, logits in enumerate(levels)
    ]
    joined = writer.node("Concat", f"{PREFIX}joined_distances", flat, axis=3)
    chances = writer.node("Softmax", f"{PREFIX}softmax", [joined], axis=2)  # (B, 4, bins, N)
    numbers = writer.constant("bins", np.arange(bins, dtype=np.float32)[None])  # (1, bins)
    mean = writer.node("MatMul", f"{PREFIX}expectation", [numbers, chances])  # (B, 4, 1, N)
    sides = writer.constant("sides_shape", np.array([0, 4, -1]))
    return writer.node("Reshape", f"{PREFIX}distances", [mean, sides])
