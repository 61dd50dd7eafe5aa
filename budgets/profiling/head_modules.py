"""Necks and heads of popular detectors, and the selection of detections at their end."""

from __future__ import annotations

from collections.abc import Sequence

from maenas.budgets.profiling.module_writer import ModuleWriter

CLASSES = 80
BINS = 16  # bins of a distribution over distances
KEPT = 300  # detections that a selection keeps


def feature_pyramid(writer: ModuleWriter, levels: Sequence[str]) -> list[str]:
    """Write a top-down pyramid: upsampling, a concat and a convolution for each level."""
    maps = [levels[-1]]
    for level in reversed(levels[:-1]):
        _, channels, height, width = writer.shapes[level]
        shape = (1, writer.shapes[maps[0]][1], height, width)
        large = writer.node(
            "Resize", [maps[0], "", "", writer.ints(*shape)], shape, mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
        maps.insert(0, writer.conv(writer.concat(large, level), channels))
    return maps


def distance_head(writer: ModuleWriter, levels: Sequence[str]) -> str:
    """Write a head whose distances are expectations (DFL), decoded to boxes of all levels."""
    rows = []
    for level in levels:
        channels = writer.shapes[level][1]
        box = writer.conv(writer.conv(level, 4 * BINS, 3), 4 * BINS, act="none")
        deep = writer.conv(writer.conv(level, channels, 3, groups=channels), CLASSES)
        chances = writer.conv(deep, CLASSES, act="none")
        rows.append(writer.reshape(writer.concat(box, chances), 1, 4 * BINS + CLASSES, -1))
    boxes, chances = writer.split(writer.concat(*rows, axis=2), 4 * BINS, CLASSES)
    count = writer.shapes[boxes][2]
    bins = writer.transpose(writer.reshape(boxes, 1, 4, BINS, count), 0, 2, 1, 3)
    distances = writer.conv(writer.same("Softmax", bins, axis=1), 1, act="none")
    return writer.concat(_corners(writer, distances, count), writer.same("Sigmoid", chances))


def _corners(writer: ModuleWriter, distances: str, count: int) -> str:
    """Write centre and size of boxes from their four distances to anchor points."""
    sides = writer.reshape(distances, 1, 4, count)
    low, high = writer.crop(sides, 0, 2), writer.crop(sides, 2, 4)
    points = writer.floats(1, 2, count)
    first, last = writer.same("Sub", low, points), writer.same("Add", high, points)
    centre = writer.same("Div", writer.same("Add", first, last), writer.floats(1, 1, 1))
    joined = writer.concat(centre, writer.same("Sub", last, first))
    return writer.same("Mul", joined, writer.floats(1, 1, count))


def anchor_head(writer: ModuleWriter, levels: Sequence[str]) -> str:
    """Write a head with three anchors per position, decoded as in YOLOv5."""
    anchors, values = 3, CLASSES + 5
    found = []
    for level in levels:
        _, _, high, wide = writer.shapes[level]
        raw = writer.conv(level, anchors * values, act="none")
        rows = writer.transpose(
            writer.reshape(raw, 1, anchors, values, high, wide), *(0, 1, 3, 4, 2)
        )
        parts = writer.split(writer.same("Sigmoid", rows), 2, 2, CLASSES + 1, axis=4)
        grid = writer.floats(1, anchors, high, wide, 2)
        centre = writer.same("Mul", writer.same("Add", parts[0], grid), writer.floats())
        halved = writer.same("Mul", parts[1], writer.floats())
        size = writer.same("Mul", writer.same("Pow", halved, writer.floats(1)), grid)
        boxes = writer.concat(centre, size, parts[2], axis=4)
        found.append(writer.reshape(boxes, 1, -1, values))
    return writer.concat(*found)


def selection(writer: ModuleWriter, levels: Sequence[str]) -> str:
    """Write the choice of the most confident detections, without NMS, as one-to-one heads do."""
    chances = writer.same("Sigmoid", writer.conv(levels[0], CLASSES, act="none"))
    boxes = writer.conv(levels[0], 4, act="relu")
    rows = [
        writer.transpose(writer.reshape(one, 1, writer.shapes[one][1], -1), 0, 2, 1)
        for one in (boxes, chances)
    ]
    count = writer.shapes[rows[0]][1]
    kept = min(KEPT, count)
    best = writer.node("ReduceMax", [rows[1], writer.ints(-1)], (1, count), keepdims=0)
    chosen = writer.nodes("TopK", [best, writer.ints(kept)], [(1, kept), (1, kept)], axis=-1)[1]
    column = writer.reshape(chosen, 1, kept, 1)
    out = []
    for row in rows:
        shape = (1, kept, writer.shapes[row][2])
        indices = writer.node("Expand", [column, writer.ints(*shape)], shape)
        out.append(writer.node("GatherElements", [row, indices], shape, axis=1))
    return writer.concat(*out, axis=2)


def sampled_map(writer: ModuleWriter, x: str) -> str:
    """Write a map that is read at learnt places, as deformable attention does, and pooled."""
    batch, channels, height, width = writer.shapes[x]
    places = writer.transpose(writer.conv(x, 2, act="sigmoid"), 0, 2, 3, 1)
    read = writer.node(
        "GridSample", [x, places], writer.shapes[x], mode="bilinear", padding_mode="zeros"
    )
    pads = writer.ints(0, 0, 0, 0, 0, 0, 1, 1)
    padded = writer.node("Pad", [read, pads], (batch, channels, height + 1, width + 1))
    pooled = writer.pool("MaxPool", padded, 2, pad=0)  # keeps the size, as in YOLOv3-tiny
    return writer.conv(writer.same("Exp", pooled), channels)
