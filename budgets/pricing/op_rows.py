"""Operators as rows of plain data, for files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from maenas.blocks.op import Act, Op, OpKind, Sides, height_width


def op_row(op: Op) -> list[Any]:
    """Return the fields of an operator that affect its cost, as plain data."""
    return [
        op.kind,
        list(op.in_shape),
        list(op.out_shape),
        _sides_row(op.kernel_size),
        _sides_row(op.stride),
        op.groups,
        op.act,
        op.adds,
    ]


def row_op(row: Sequence[Any]) -> Op:
    """Return the operator that a row describes.

    Raises:
        ValueError: if the row is not an operator.
    """
    kind, in_shape, out_shape, kernel_size, stride, groups, act, adds = row
    kernel_size, stride = _row_sides(kernel_size), _row_sides(stride)
    if kind not in get_args(OpKind) or act not in get_args(Act):
        raise ValueError(f"no operator {kind!r} with activation {act!r}")
    if len(in_shape) != 3 or len(out_shape) != 3:
        raise ValueError("shapes are (channels, height, width)")
    windows = (*height_width(kernel_size), *height_width(stride))
    sizes = (*in_shape, *out_shape, *windows, groups)
    if not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(f"sizes must be positive integers, got {sizes}")
    return Op(
        kind, tuple(in_shape), tuple(out_shape), kernel_size, stride, groups, act, adds=bool(adds)
    )


def _sides_row(sides: Sides) -> int | list[int]:
    return list(sides) if isinstance(sides, tuple) else sides


def _row_sides(sides: Any) -> Any:
    """Return a side, or a pair of them as a tuple."""
    if not isinstance(sides, list):
        return sides
    if len(sides) != 2:
        raise ValueError(f"a window has a side or (height, width), got {sides}")
    return tuple(sides)


def priced(op: Op) -> Op:
    """Return the operator with only the fields that affect its cost: equal ones share a price."""
    return row_op(op_row(op))
