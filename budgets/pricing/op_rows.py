"""Operators as rows of plain data, for files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from maenas.blocks.op import Act, Op, OpKind


def op_row(op: Op) -> list[Any]:
    """All of an operator that bears on its cost, as plain data."""
    return [
        op.kind,
        list(op.in_shape),
        list(op.out_shape),
        op.kernel_size,
        op.stride,
        op.groups,
        op.act,
        op.adds,
    ]


def row_op(row: Sequence[Any]) -> Op:
    """The operator of a row.

    Raises:
        ValueError: if it is none.
    """
    kind, in_shape, out_shape, kernel_size, stride, groups, act, adds = row
    if kind not in get_args(OpKind) or act not in get_args(Act):
        raise ValueError(f"no operator {kind!r} with activation {act!r}")
    if len(in_shape) != 3 or len(out_shape) != 3:
        raise ValueError("shapes are (channels, height, width)")
    sizes = (*in_shape, *out_shape, kernel_size, stride, groups)
    if not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(f"sizes must be positive integers, got {sizes}")
    return Op(
        kind, tuple(in_shape), tuple(out_shape), kernel_size, stride, groups, act, adds=bool(adds)
    )


def priced(op: Op) -> Op:
    """The operator without what does not bear on its cost: equal ones are priced once."""
    return row_op(op_row(op))
