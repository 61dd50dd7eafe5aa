"""What decides how long an operator takes: the kernel it becomes, and the work of that kernel.

Every term is a count that never falls when a map, its channels or a window grow. A price is a sum
of terms with coefficients that are not negative, so it never falls either.
"""

from __future__ import annotations

from collections.abc import Iterable

from maenas.blocks.op import Op, elements

Terms = tuple[float, ...]

MACS = 1e-6  # terms count millions of multiply-accumulates
ELEMENTS = 1e-3  # and thousands of elements
LANES = 16  # output channels of one vector of 32-bit floats, and of a tensor core's smallest tile
TILE = (32, 64)  # input and output channels that larger tiles take at a time
STEM_CHANNELS = 4  # fewer input channels than a vector holds: an image's
CACHED = (2**18, 2**21)  # elements: about what a core's cache and a chip's hold in 32 bits
SIZES = ("input channels", "output channels", "positions")  # what `size_of` tells
EXPONENTIALS = ("silu", "sigmoid")


def kernel_of(op: Op) -> str:
    """Name of the kernel an operator becomes; operators of one kernel share coefficients."""
    window = f"{op.kernel_size}x{op.kernel_size}/{op.stride}"
    match op.kind:
        case "conv" if op.groups == 1:
            return f"{'stem' if op.in_shape[0] <= STEM_CHANNELS else 'conv'} {window}"
        case "conv" if op.groups == op.in_shape[0]:
            return f"depthwise {window}"
        case "conv":
            return f"grouped {window}"
        case "deconv" if op.groups > 1:
            return f"grouped-deconv {window}"
        case "deconv" | "max_pool" | "avg_pool":
            return f"{op.kind} {window}"
        case _:
            return op.kind


def family_of(kernel: str) -> str:
    """A kernel without its window: those of one family are alike."""
    return kernel.partition(" ")[0]


def terms_of(op: Op) -> Terms:
    """The counts that an operator's price is made of; their number is that of its family."""
    read, written = ELEMENTS * elements(op.in_shape), ELEMENTS * elements(op.out_shape)
    exponentials = written if op.act in EXPONENTIALS else 0.0
    added = written if op.adds else 0.0
    uncached = (ELEMENTS * max(0, op.working_set - size) for size in CACHED)
    maps = (1.0, read, written, exponentials, *uncached)
    match op.kind:
        case "conv" | "deconv" | "matmul" if op.groups == 1:
            return (*maps, *_products(op), added)
        case "conv" | "deconv":
            window = op.kernel_size**2
            area = op.out_shape[1] * op.out_shape[2]
            lanes = ELEMENTS * _up(op.out_shape[0], LANES) * area
            per_group = op.in_shape[0] // op.groups
            return (*maps, lanes * window * per_group, lanes)
        case "max_pool":
            return (*maps, written * op.kernel_size, written * op.kernel_size**2)
        case _:
            return maps


def _products(op: Op) -> Terms:
    """A matrix product: in vectors, in tiles, its weights, and what one output waits for."""
    channels_in, channels_out = op.in_shape[0], op.out_shape[0]
    window = op.kernel_size**2
    side = op.in_shape if op.kind == "deconv" else op.out_shape
    positions = side[1] * side[2]
    vectors = MACS * window * channels_in * _up(channels_out, LANES) * positions
    tiles = MACS * window * _up(channels_in, TILE[0]) * _up(channels_out, TILE[1]) * positions
    weights = ELEMENTS * window * channels_in * channels_out
    waits = ELEMENTS * window * channels_in
    return vectors, tiles, weights, waits


Range = tuple[tuple[float, float], ...]  # least and largest of each of `size_of`


def size_of(op: Op) -> tuple[float, float, float]:
    """Where an operator lies among those of its kernel: channels in and out, positions."""
    return op.in_shape[0], op.out_shape[0], op.out_shape[1] * op.out_shape[2]


def range_of(ops: Iterable[Op]) -> Range:
    """Least and largest of each of `size_of` among operators of one kernel."""
    columns = zip(*map(size_of, ops), strict=True)
    return tuple((min(column), max(column)) for column in columns)


def beyond(op: Op, sizes: Range, margin: float) -> tuple[str, float, float, float] | None:
    """The first size of an operator that lies outside of a range: its name, it, least and most."""
    for name, size, (least, most) in zip(SIZES, size_of(op), sizes, strict=True):
        if not least / margin <= size <= most * margin:
            return name, size, least, most
    return None


def _up(count: int, step: int) -> int:
    return -(-count // step) * step
