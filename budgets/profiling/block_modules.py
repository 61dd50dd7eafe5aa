"""Blocks of popular detectors: each writes its operators and returns its feature map."""

from __future__ import annotations

from maenas.budgets.profiling.module_writer import ModuleWriter


def split_block(writer: ModuleWriter, x: str) -> str:
    """Write a C2f block: its first convolution is split, a part is convolved, all are joined."""
    channels = writer.shapes[x][1]
    half = channels // 2
    first, second = writer.split(writer.conv(x, channels), half, half)
    inner = writer.conv(writer.conv(second, half, 3), half, 3)
    added = writer.same("Add", second, inner)
    return writer.conv(writer.concat(first, second, added), channels)


def crop_block(writer: ModuleWriter, x: str) -> str:
    """Write a GELAN block, which cuts its first convolution by slices."""
    channels = writer.shapes[x][1]
    half = channels // 2
    wide = writer.conv(x, channels)
    first, second = writer.crop(wide, 0, half), writer.crop(wide, half, channels)
    third = writer.conv(second, half, 3)
    joined = writer.concat(first, second, third, writer.conv(third, half, 3))
    return writer.conv(joined, channels)


def pyramid_pooling(writer: ModuleWriter, x: str) -> str:
    """Write an SPPF block: three max pools in a row, joined."""
    channels = writer.shapes[x][1]
    maps = [writer.conv(x, channels // 2)]
    for _ in range(3):
        maps.append(writer.pool("MaxPool", maps[-1], 5))
    return writer.conv(writer.concat(*maps), channels)


def pooled_downsampling(writer: ModuleWriter, x: str) -> str:
    """Write the downsampling of YOLOv9: an average, then a convolution beside a max pool."""
    channels = writer.shapes[x][1]
    half = channels // 2
    average = writer.pool("AveragePool", writer.conv(x, channels), 2, pad=0)
    first, second = writer.crop(average, 0, half), writer.crop(average, half, channels)
    pooled = writer.conv(writer.pool("MaxPool", second, 3, 2), half)
    return writer.concat(writer.conv(first, half, 3, 2), pooled)


def shuffled_block(writer: ModuleWriter, x: str) -> str:
    """Write a block of ShuffleNetV2: half of the channels, and a shuffle by a transpose."""
    _, channels, height, width = writer.shapes[x]
    half = channels // 2
    kept, changed = writer.split(x, half, half)
    changed = writer.conv(changed, half, act="relu")
    changed = writer.conv(changed, half, 3, groups=half, act="none")
    joined = writer.concat(kept, writer.conv(changed, half, act="relu"))
    pairs = writer.reshape(joined, 1, 2, half, height, width)
    mixed = writer.reshape(writer.transpose(pairs, 0, 2, 1, 3, 4), 1, channels, height, width)
    return writer.conv(mixed, channels, act="relu")


def squeeze_block(writer: ModuleWriter, x: str) -> str:
    """Write a block of MobileNetV3: depthwise convolution, squeeze-and-excite, HardSwish."""
    channels = writer.shapes[x][1]
    wide = writer.same("HardSwish", writer.conv(x, 2 * channels, act="none"))
    deep = writer.conv(wide, 2 * channels, 5, groups=2 * channels, act="none")
    deep = writer.same("HardSwish", deep)
    mean = writer.node("GlobalAveragePool", [deep], (1, 2 * channels, 1, 1))
    gate = writer.conv(writer.conv(mean, channels // 2, act="relu"), 2 * channels, act="none")
    scaled = writer.same("Mul", deep, writer.same("HardSigmoid", gate))
    return writer.same("Add", x, writer.conv(scaled, channels, act="none"))


def residual_block(writer: ModuleWriter, x: str) -> str:
    """Write a block of ResNeXt and one of Darknet with LeakyReLU."""
    channels = writer.shapes[x][1]
    inner = writer.conv(x, channels, act="relu")
    inner = writer.conv(inner, channels, 3, groups=8, act="relu")
    added = writer.act(writer.same("Add", x, writer.conv(inner, channels, act="none")), "relu")
    leaky = writer.same("LeakyRelu", writer.conv(added, channels, 3, act="none"), alpha=0.1)
    return writer.same("Add", added, leaky)


def pools(writer: ModuleWriter, x: str) -> str:
    """Write the pools with stride 2 of stems and of YOLOv3-tiny side by side."""
    channels = writer.shapes[x][1]
    maps = [
        writer.pool("MaxPool", x, 2, 2, pad=0),
        writer.pool("MaxPool", x, 3, 2),
        writer.pool("AveragePool", x, 3, 2),
    ]
    return writer.conv(writer.concat(*maps), channels)


def learnt_upsampling(writer: ModuleWriter, x: str) -> str:
    """Write transposed convolutions with windows of 2 and of 4, and a convolution back."""
    _, channels, height, width = writer.shapes[x]
    shape = (1, channels, 2 * height, 2 * width)
    narrow = writer.conv(x, channels)
    maps = []
    for side in (2, 4):
        weights = writer.weights(channels, channels, side, side)
        window = {"kernel_shape": [side] * 2, "strides": [2, 2], "pads": [(side - 2) // 2] * 4}
        bias = writer.floats(channels)
        maps.append(writer.node("ConvTranspose", [narrow, weights, bias], shape, **window))
    return writer.conv(writer.concat(*maps), channels, 3, 2)


def normalised_block(writer: ModuleWriter, x: str) -> str:
    """Write a block of ConvNeXt with LayerNorm and GELU, then a convolution with InstanceNorm."""
    channels = writer.shapes[x][1]
    deep = writer.conv(x, channels, 7, groups=channels, act="none")
    rows = writer.layer_norm(writer.transpose(deep, 0, 2, 3, 1))
    rows = writer.linear(writer.gelu(writer.linear(rows, 2 * channels)), channels)
    added = writer.same("Add", x, writer.transpose(rows, 0, 3, 1, 2))
    scale = writer.floats(channels)
    out = writer.conv(added, channels, 3, act="none")
    return writer.act(writer.same("InstanceNormalization", out, scale, scale), "relu")
