"""Attention of popular detectors: each writes its operators and returns its feature map."""

from __future__ import annotations

from maenas.budgets.profiling.module_writer import ModuleWriter

HEAD_CHANNELS = 32  # channels of one head


def position_attention(writer: ModuleWriter, x: str) -> str:
    """Write the attention over all positions of YOLO11: softmax(QK)V in heads, plus positions."""
    _, channels, height, width = writer.shapes[x]
    heads, count = max(1, channels // (2 * HEAD_CHANNELS)), height * width
    own, key = channels // heads, channels // heads // 2
    mixed = writer.reshape(writer.conv(x, 2 * channels, act="none"), 1, heads, 2 * own, count)
    query, keys, values = writer.split(mixed, key, key, own, axis=2)
    scores = writer.matmul(writer.transpose(query, 0, 1, 3, 2), keys)
    weights = writer.same("Softmax", writer.same("Mul", scores, writer.floats()), axis=-1)
    read = writer.matmul(values, writer.transpose(weights, 0, 1, 3, 2))
    places = writer.conv(
        writer.reshape(values, 1, channels, height, width), channels, 3, groups=channels, act="none"
    )
    found = writer.same("Add", writer.reshape(read, 1, channels, height, width), places)
    return writer.same("Add", x, writer.conv(found, channels, act="none"))


def area_attention(writer: ModuleWriter, x: str) -> str:
    """Write the attention of YOLOv12: heads over four areas of the map, plus positions."""
    _, channels, height, width = writer.shapes[x]
    areas, heads, count = 4, channels // HEAD_CHANNELS, height * width // 4
    flat = writer.reshape(writer.conv(x, 3 * channels, act="none"), 1, 3 * channels, -1)
    rows = writer.reshape(writer.transpose(flat, 0, 2, 1), areas, count, 3 * channels)
    mixed = writer.reshape(rows, areas, count, heads, 3 * HEAD_CHANNELS)
    parts = writer.split(writer.transpose(mixed, 0, 2, 3, 1), *[HEAD_CHANNELS] * 3, axis=2)
    query = writer.same("Mul", parts[0], writer.floats())
    scores = writer.matmul(writer.transpose(query, 0, 1, 3, 2), parts[1])
    weights = writer.same("Softmax", scores, axis=-1)
    read = writer.matmul(parts[2], writer.transpose(weights, 0, 1, 3, 2))
    maps = [
        writer.transpose(
            writer.reshape(writer.transpose(one, 0, 3, 1, 2), 1, height, width, channels),
            *(0, 3, 1, 2),
        )
        for one in (read, parts[2])
    ]
    places = writer.conv(maps[1], channels, 7, groups=channels, act="none")
    found = writer.conv(writer.same("Add", maps[0], places), channels, act="none")
    return writer.same("Add", x, found)


def encoder_layer(writer: ModuleWriter, x: str) -> str:
    """Write a layer of a transformer encoder over positions, as RT-DETR has one."""
    _, channels, height, width = writer.shapes[x]
    heads, count = channels // HEAD_CHANNELS, height * width
    rows = writer.transpose(writer.reshape(x, 1, channels, count), 0, 2, 1)

    def in_heads(order: tuple[int, ...]) -> str:
        row = writer.reshape(writer.linear(rows, channels), 1, count, heads, HEAD_CHANNELS)
        return writer.transpose(row, *order)

    query, keys, values = map(in_heads, ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3)))
    weights = writer.same("Softmax", writer.matmul(query, keys), axis=-1)
    read = writer.transpose(writer.matmul(weights, values), 0, 2, 1, 3)
    read = writer.linear(writer.reshape(read, 1, count, channels), channels)
    normal = writer.layer_norm(writer.same("Add", rows, read))
    inner = writer.gelu(writer.linear(normal, 2 * channels))
    out = writer.layer_norm(writer.same("Add", normal, writer.linear(inner, channels)))
    return writer.reshape(writer.transpose(out, 0, 2, 1), 1, channels, height, width)
