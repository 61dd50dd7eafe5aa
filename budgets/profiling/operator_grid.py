"""Single operators to measure, for kinds and sizes that the profiled networks may lack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from maenas.blocks.op import Act, Op, OpKind, Shape, avg_pool, concat, conv, max_pool, upsample
from maenas.budgets.pricing.kernels import KernelKind, kernel_of

# (channels, side of the feature map), from the first layers of a network to the last.
SIZES = ((32, 160), (64, 80), (192, 40), (512, 20))
WINDOWS = ((1, 1), (3, 1), (3, 2), (5, 1), (5, 2), (7, 1))  # side, stride
# Height and width of the kernels that Inception factorises 3x3 and 7x7 into. Few networks have any,
# and none that is drawn for a profile, so they are measured in the sizes where they occur.
FACTORS = ((1, 3), (3, 1), (1, 7), (7, 1))
FACTOR_SIZES = ((192, 40), (512, 20), (64, 80))
IMAGE_SIDES = (320, 640)  # of stems: those of ResNets have windows of 7x7, of YOLOv5 of 6x6


def operator_grid(sizes: int = len(SIZES)) -> list[Op]:
    """Return operators of every kind except `decode`, each in several sizes.

    Kernels take turns, so that a profile that ends early has measured many of them.

    Args:
        sizes: number of `SIZES` to use, evenly spaced.
    """
    chosen = [SIZES[round(i * (len(SIZES) - 1) / max(1, sizes - 1))] for i in range(sizes)]
    ops = [op for channels, side in chosen for op in _of_size((channels, side, side))]
    for index, (channels, side) in enumerate(FACTOR_SIZES[: max(1, sizes - 1)]):
        act: Act = "silu" if index % 2 else "relu"  # one kernel learns the cost of both
        ops += [conv((channels, side, side), channels, kernel, act=act) for kernel in FACTORS]
    for side in IMAGE_SIDES:
        ops += [conv((3, side, side), 32, 3, 2, act="relu"), slice_of((3, side, side))]
        ops += [conv((3, side, side), 16, 3, 2, act="silu")]
        ops += [conv((3, side, side), 64, 7, 2, act="relu"), conv((3, side, side), 16, 6, 2)]
    return _by_turns(dict.fromkeys(ops))


def _by_turns(ops: Iterable[Op]) -> list[Op]:
    """Return the first operator of every kernel, then the second ones, and so on."""
    turns: Counter[KernelKind] = Counter()
    placed = []
    for op in ops:
        kernel = kernel_of(op)
        placed.append((turns[kernel], op))
        turns[kernel] += 1
    return [op for _, op in sorted(placed, key=lambda entry: entry[0])]


def slice_of(shape: Shape) -> Op:
    """Return the space-to-depth operator of a Focus stem."""
    channels, height, width = shape
    return Op("slice", shape, (4 * channels, height // 2, width // 2))


def _of_size(shape: Shape) -> Iterator[Op]:
    channels, height, width = shape
    narrow: Shape = (channels // 2, height, width)
    act: Act
    for kernel_size, stride in WINDOWS:
        for act in ("relu", "silu"):
            yield conv(shape, channels, kernel_size, stride, act=act)
        if kernel_size > 1:
            yield conv(shape, channels, kernel_size, stride, groups=channels, act="relu")
    yield conv(shape, 2 * channels, 1, act="relu")
    yield conv(narrow, channels, 3, adds=True, act="relu")
    yield conv(shape, channels, 1, 2)
    yield conv(shape, channels, 3, groups=4, act="relu")
    yield from (max_pool(shape, kernel_size) for kernel_size in (3, 5, 9, 13))
    yield Op("max_pool", shape, (channels, height // 2, width // 2), 2, 2)
    yield avg_pool(shape)
    yield upsample((channels, height // 2, width // 2))
    yield concat(shape, shape)
    yield slice_of((channels // 4, 2 * height, 2 * width))
    yield Op("global_pool", shape, (channels, 1, 1))
    yield Op("deconv", (channels, height // 2, width // 2), narrow, 2, 2)
    positions = (channels, height * width, 1)
    yield Op("softmax", shape, shape)
    yield Op("matmul", positions, positions)
    kinds: tuple[OpKind, ...] = ("add", "mul", "copy", "norm", "grid_sample")
    yield from (Op(kind, shape, shape) for kind in kinds)
    cuts: tuple[OpKind, ...] = ("split", "crop", "gather")
    yield from (Op(kind, shape, narrow) for kind in cuts)
    yield Op("topk", shape, (1, height, width))
    yield from (Op("act", shape, shape, act=act) for act in ("relu", "silu"))
