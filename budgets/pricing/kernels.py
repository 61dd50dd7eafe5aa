"""The kernel that an operator becomes, and the terms of work that determine its latency.

Every term is a count that never decreases when a feature map, its channels or a window grow. A
price is a sum of terms with non-negative coefficients, so it never decreases either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import shown
from maenas.blocks.op import Op, elements

Terms = tuple[float, ...]

MACS = 1e-6  # terms count millions of multiply-accumulates
ELEMENTS = 1e-3  # and thousands of elements
LANES = 16  # output channels of one vector of 32-bit floats, and of a tensor core's smallest tile
TILE = (32, 64)  # input and output channels of larger tiles
STEM_CHANNELS = 4  # most input channels of a stem convolution, which reads an image
CACHED = (2**18, 2**21)  # 32-bit elements that fit in the cache of a core and of a chip, roughly
SIZES = ("input channels", "output channels", "positions")  # names of the values of `size_of`
EXPONENTIALS = ("silu", "sigmoid")
WORK = ("compute", "depthwise", "attention", "activations", "operators", "memory", "weights")
EXPONENTIALS_TERM = 3  # place of the term that counts exponentials of activations
MAP_TERMS = 6  # first terms of every price: the operator itself, then traffic of feature maps


class KernelKind(NamedTuple):
    """A kernel: operators of one kernel share the coefficients of their price.

    Its text, such as "conv 3x3/2", "conv 1x7/1", "max_pool 3x3/2x1" or "add", stands in files and
    on the terminal; `str` writes it and `parse` reads it.

    Attributes:
        family: kind of the operator, with stems, depthwise and grouped convolutions apart.
        sides: height and width of the window; None for a kernel without a window.
        strides: vertical and horizontal stride of the window.
    """

    family: str
    sides: tuple[int, int] | None = None
    strides: tuple[int, int] = (1, 1)

    def __str__(self) -> str:
        if self.sides is None:
            return self.family
        (height, width), (down, across) = self.sides, self.strides
        step = f"{down}" if down == across else f"{down}x{across}"
        return f"{self.family} {height}x{width}/{step}"

    @classmethod
    def parse(cls, text: str) -> KernelKind:
        """The kernel with this text.

        Raises:
            SpecError: if the text has another form.
        """
        found = TEXT.fullmatch(text)
        if found is None:
            raise SpecError(
                f"{shown(text)}: is no kernel; expected a family and its window, such as "
                "conv 3x3/2."
            )
        family, height, width, down, across = found.groups()
        if height is None:
            return cls(family)
        return cls(family, (int(height), int(width)), (int(down), int(across or down)))

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of the window; (1, 1) for a kernel without one."""
        return self.sides or (1, 1)


_SIDE = r"([1-9]\d{0,4})"
TEXT = re.compile(rf"([a-z][a-z_-]*)(?: {_SIDE}x{_SIDE}/{_SIDE}(?:x{_SIDE})?)?")


def kernel_of(op: Op) -> KernelKind:
    """Return the kernel of an operator."""
    match op.kind:
        case "conv" if op.groups == 1:
            family = "stem" if op.in_shape[0] <= STEM_CHANNELS else "conv"
        case "conv":
            family = "depthwise" if op.groups == op.in_shape[0] else "grouped"
        case "deconv" if op.groups > 1:
            family = "grouped-deconv"
        case "deconv" | "max_pool" | "avg_pool":
            family = op.kind
        case _:
            return KernelKind(op.kind)
    return KernelKind(family, op.kernel, op.strides)


def terms_of(op: Op) -> Terms:
    """Return the terms of an operator's price; their number depends on the family only."""
    read, written = ELEMENTS * elements(op.in_shape), ELEMENTS * elements(op.out_shape)
    exponentials = written if op.act in EXPONENTIALS else 0.0
    added = written if op.adds else 0.0
    uncached = (ELEMENTS * max(0, op.working_set - size) for size in CACHED)
    maps = (1.0, read, written, exponentials, *uncached)
    match op.kind:
        case "conv" | "deconv" | "matmul" if op.groups == 1:
            return (*maps, *_products(op), added)
        case "conv" | "deconv":
            window = op.kernel_area
            area = op.out_shape[1] * op.out_shape[2]
            lanes = ELEMENTS * _up(op.out_shape[0], LANES) * area
            per_group = op.in_shape[0] // op.groups
            return (*maps, lanes * window * per_group, lanes)
        case "max_pool":
            return (*maps, written * sum(op.kernel) / 2, written * op.kernel_area)
        case _:
            return maps


def work_of(kernel: KernelKind, index: int, count: int) -> str:
    """Return the kind of work, one of `WORK`, that a term of a kernel's price counts.

    Args:
        kernel: kernel.
        index: place of the term in `terms_of`.
        count: number of terms of the kernel.
    """
    if kernel.family in ("matmul", "softmax", "global_pool"):
        return "attention"
    if index == 0:
        return "operators"
    if index == EXPONENTIALS_TERM:
        return "activations"
    if kernel.family in ("depthwise", "grouped", "grouped-deconv"):
        return "depthwise"
    if index < MAP_TERMS:
        return "memory"
    if kernel.family == "max_pool":
        return "compute"
    # vectors, tiles, weights, waits, and the residual that is added
    return {2: "weights", 4: "memory"}.get(index - MAP_TERMS, "compute")


def _products(op: Op) -> Terms:
    """Terms of a matrix product: vectors, tiles, weights, and the sum that one output waits for."""
    channels_in, channels_out = op.in_shape[0], op.out_shape[0]
    window = op.kernel_area
    side = op.in_shape if op.kind == "deconv" else op.out_shape
    positions = side[1] * side[2]
    vectors = MACS * window * channels_in * _up(channels_out, LANES) * positions
    tiles = MACS * window * _up(channels_in, TILE[0]) * _up(channels_out, TILE[1]) * positions
    weights = ELEMENTS * window * channels_in * channels_out
    waits = ELEMENTS * window * channels_in
    return vectors, tiles, weights, waits


Range = tuple[tuple[float, float], ...]  # minimum and maximum of each value of `size_of`


def size_of(op: Op) -> tuple[float, float, float]:
    """Return the size of an operator: input channels, output channels, positions."""
    return op.in_shape[0], op.out_shape[0], op.out_shape[1] * op.out_shape[2]


def range_of(ops: Iterable[Op]) -> Range:
    """Return minimum and maximum of each value of `size_of` over operators of one kernel."""
    columns = zip(*map(size_of, ops), strict=True)
    return tuple((min(column), max(column)) for column in columns)


def beyond(op: Op, sizes: Range, margin: float) -> tuple[str, float, float, float] | None:
    """Return the first size outside of the range: name, value, minimum and maximum."""
    for name, size, (least, most) in zip(SIZES, size_of(op), sizes, strict=True):
        if not least / margin <= size <= most * margin:
            return name, size, least, most
    return None


def _up(count: int, step: int) -> int:
    return -(-count // step) * step
