"""The counts that prices are made of grow with the operator, so prices do."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from maenas.blocks import Op, SpecError
from maenas.blocks.op import conv, max_pool
from maenas.budgets.pricing.kernels import KernelKind, kernel_of, size_of, terms_of
from maenas.budgets.profiling.operator_grid import operator_grid

GRID = operator_grid(2)


@pytest.mark.parametrize(
    ("op", "kernel"),
    [
        (conv((3, 64, 64), 16, 3, 2), "stem 3x3/2"),
        (conv((8, 64, 64), 16, 3, 2), "conv 3x3/2"),
        (conv((8, 64, 64), 16), "conv 1x1/1"),
        (conv((8, 64, 64), 8, 5, groups=8), "depthwise 5x5/1"),
        (conv((8, 64, 64), 8, 3, groups=2), "grouped 3x3/1"),
        (conv((1, 64, 64), 8, 3), "stem 3x3/1"),
        (Op("deconv", (8, 8, 8), (4, 16, 16), 2, 2), "deconv 2x2/2"),
        (Op("deconv", (8, 8, 8), (8, 16, 16), 2, 2, groups=8), "grouped-deconv 2x2/2"),
        (conv((8, 64, 64), 16, (1, 7)), "conv 1x7/1"),
        (conv((8, 64, 64), 16, (7, 1), (2, 1)), "conv 7x1/2x1"),
        (conv((8, 64, 64), 8, (1, 3), groups=8), "depthwise 1x3/1"),
        (max_pool((8, 64, 64), 5), "max_pool 5x5/1"),
        (Op("add", (8, 8, 8), (8, 8, 8)), "add"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_operator_becomes_the_kernel_of_its_kind_and_window(op: Op, kernel: str) -> None:
    assert str(kernel_of(op)) == kernel
    assert KernelKind.parse(kernel) == kernel_of(op)


@pytest.mark.parametrize(
    ("kernel", "window"),
    [
        ("conv 3x3/2", ((3, 3), (2, 2))),
        ("depthwise 1x7/1", ((1, 7), (1, 1))),
        ("max_pool 2x1/2x1", ((2, 1), (2, 1))),
        ("add", ((1, 1), (1, 1))),
    ],
)
def test_the_text_of_a_kernel_tells_its_window(kernel, window) -> None:
    kind = KernelKind.parse(kernel)
    assert (kind.window, kind.strides) == window
    assert str(kind) == kernel


@pytest.mark.parametrize("text", ["", "conv 3x3", "conv 0x3/1", "conv 3x3/2 x", "3x3/2", "Conv"])
def test_another_text_is_no_kernel(text: str) -> None:
    with pytest.raises(SpecError, match="is no kernel"):
        KernelKind.parse(text)


def test_the_counts_of_a_convolution_follow_the_area_of_its_kernel() -> None:
    square, wide = (conv((64, 40, 40), 64, kernel) for kernel in (3, (1, 9)))
    assert terms_of(wide) == terms_of(square)
    assert wide.macs == square.macs
    assert wide.params == square.params


def test_all_operators_of_a_family_have_as_many_terms() -> None:
    grouped = [replace(op, groups=2) for op in GRID if op.kind in ("conv", "deconv")]
    counts: dict[str, set[int]] = {}
    for op in [*GRID, *grouped]:
        counts.setdefault(kernel_of(op).family, set()).add(len(terms_of(op)))
    assert {len(found) for found in counts.values()} == {1}


def larger(op: Op, axis: int, factor: int) -> Op:
    """More channels (0) or a larger map (1); a depthwise convolution stays one."""

    def grown(shape: tuple[int, int, int]) -> tuple[int, int, int]:
        channels, height, width = shape
        return (
            (factor * channels, height, width) if axis == 0 else (channels, factor * height, width)
        )

    groups = op.groups * factor if axis == 0 and op.groups == op.in_shape[0] else op.groups
    return replace(op, in_shape=grown(op.in_shape), out_shape=grown(op.out_shape), groups=groups)


@pytest.mark.parametrize("axis", [0, 1], ids=["channels", "map"])
@pytest.mark.parametrize("op", GRID, ids=lambda op: f"{kernel_of(op)} {op.in_shape}")
def test_no_term_falls_when_an_operator_grows(op: Op, axis: int) -> None:
    small, large = terms_of(op), terms_of(larger(op, axis, 2))
    assert all(before <= after for before, after in zip(small, large, strict=True))


def test_no_term_of_a_convolution_falls_when_one_of_its_sizes_grows() -> None:
    chance = random.Random(0)
    for _ in range(500):
        channels, out, side = chance.randint(5, 300), chance.randint(1, 300), chance.randint(1, 80)
        op = conv((channels, side, side), out, chance.choice((1, 3, 5)), act="silu")
        for more in (
            conv((channels + 1, side, side), out, op.kernel_size, act="silu"),
            conv((channels, side, side), out + 1, op.kernel_size, act="silu"),
            conv((channels, side + 1, side), out, op.kernel_size, act="silu"),
            conv((channels, side, side), out, op.kernel_size + 2, act="silu"),
        ):
            assert all(a <= b for a, b in zip(terms_of(op), terms_of(more), strict=True)), more


def test_a_residual_an_exponential_and_a_spilled_cache_are_counted() -> None:
    plain = conv((64, 80, 80), 64, 3)
    for heavier in (replace(plain, adds=True), replace(plain, act="silu")):
        assert sum(terms_of(heavier)) > sum(terms_of(plain))
    assert terms_of(replace(plain, act="relu")) == terms_of(plain)  # a comparison rides free
    assert terms_of(conv((8, 8, 8), 8))[4:6] == (0.0, 0.0)  # 1024 elements fit any cache
    assert terms_of(plain)[4] == pytest.approx(1e-3 * (2 * 64 * 6400 - 2**18))


def test_the_size_of_an_operator_is_channels_and_positions() -> None:
    assert size_of(conv((8, 64, 32), 16, 3, 2)) == (8, 16, 32 * 16)
