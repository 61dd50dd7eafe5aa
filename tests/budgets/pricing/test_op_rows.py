"""Operators written as rows of a table are read back as they were; older rows still are."""

from __future__ import annotations

import json

import pytest

from maenas.blocks import Op
from maenas.blocks.op import conv
from maenas.budgets.pricing.op_rows import op_row, priced, row_op
from maenas.budgets.profiling.operator_grid import operator_grid


@pytest.mark.parametrize(
    "op",
    [*operator_grid(1), conv((8, 16, 16), 8, (3, 1), (2, 1)), Op("add", (8, 4, 4), (8, 4, 4))],
    ids=lambda op: f"{op.kind} {op.kernel} {op.strides} {op.in_shape} {op.act}",
)
def test_an_operator_is_the_same_after_a_journey(op: Op) -> None:
    assert row_op(json.loads(json.dumps(op_row(op)))) == priced(op)


def test_the_row_of_a_square_kernel_is_that_of_older_tables() -> None:
    row = ["conv", [8, 16, 16], [16, 8, 8], 3, 2, 1, "relu", False]
    assert op_row(conv((8, 16, 16), 16, 3, 2, act="relu")) == row


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        ([3], "height, width"),
        ([3, 3, 3], "height, width"),
        ([3, 0], "positive integers"),
        ([3, "3"], "positive integers"),
        ("3x3", "positive integers"),
        ([[1], 3], "positive integers"),
        (True, "positive integers"),
    ],
    ids=str,
)
@pytest.mark.parametrize("place", [3, 4], ids=["kernel", "stride"])
def test_a_row_whose_window_cannot_be_is_refused(place: int, sides: object, words: str) -> None:
    row = ["conv", [8, 16, 16], [16, 8, 8], 3, 2, 1, "relu", False]
    row[place] = sides
    with pytest.raises(ValueError, match=words):
        row_op(row)
