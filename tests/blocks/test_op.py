"""The atom of every cost, by hand."""

from __future__ import annotations

import pytest

from maenas.blocks import Mob, Op
from maenas.blocks.mob import make_divisible
from maenas.blocks.op import avg_pool, concat, conv, upsample


def test_a_convolution_is_priced_by_its_fan_in() -> None:
    op = conv((16, 20, 30), 24, kernel_size=3, stride=2)
    assert op.out_shape == (24, 10, 15)
    assert op.fan_in == 16 * 3 * 3
    assert op.macs == 16 * 3 * 3 * 24 * 10 * 15
    assert op.params == 16 * 3 * 3 * 24 + 2 * 24  # weights, and a BatchNorm's two a channel


def test_a_depthwise_convolution_sees_one_channel() -> None:
    op = conv((16, 20, 30), 16, kernel_size=5, groups=16, norm=False)
    assert op.fan_in == 5 * 5
    assert op.macs == 5 * 5 * 16 * 20 * 30
    assert op.params == 5 * 5 * 16 + 16  # weights and a bias


@pytest.mark.parametrize(
    ("kernel_size", "stride", "out_size"),
    [
        (1, 1, (7, 8)),
        (3, 1, (7, 8)),
        (5, 1, (7, 8)),
        (1, 2, (4, 4)),
        (3, 2, (4, 4)),
        (7, 2, (4, 4)),
    ],
)
def test_a_stride_rounds_an_odd_side_up(
    kernel_size: int, stride: int, out_size: tuple[int, int]
) -> None:
    assert conv((1, 7, 8), 1, kernel_size, stride).out_shape == (1, *out_size)
    assert avg_pool((1, 7, 8)).out_shape == (1, 4, 4)


def test_only_convolutions_have_macs_and_params() -> None:
    shape = (4, 6, 6)
    free = [avg_pool(shape), upsample(shape), concat(shape, shape), Op("add", shape, shape)]
    assert [(op.macs, op.params) for op in free] == [(0, 0)] * 4
    assert upsample(shape).out_shape == (4, 12, 12)
    assert concat(shape, (2, 6, 6)).out_shape == (6, 6, 6)


def test_the_working_set_is_what_is_read_and_written() -> None:
    read, write = 4 * 6 * 6, 8 * 3 * 3
    strided = conv((4, 6, 6), 8, 3, 2)
    assert strided.working_set == read + write
    assert conv((4, 6, 6), 8, 3, 2, adds=True).working_set == read + write + write  # the residual
    assert Op("add", (4, 6, 6), (4, 6, 6)).working_set == 3 * read
    assert concat((4, 6, 6), (4, 6, 6)).working_set == 2 * (2 * read)


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [
        (1, 8),  # at least one multiple
        (8, 8),
        (11, 16),  # 8 is below 9.9
        (12, 16),  # a half goes up
        (43, 40),  # 40 is not below 38.7
        (44, 48),
        (84, 88),  # 24 x 3.5, the expanded width of the first stage of Ns
    ],
)
def test_widths_are_rounded_to_eight_but_not_below_nine_tenths(channels: int, rounded: int) -> None:
    assert make_divisible(channels, 8) == rounded


@pytest.mark.parametrize(
    ("out_channels", "ratio", "expanded"),
    [
        *[(24, 3.5, 88), (40, 4.0, 160), (64, 4.5, 288), (80, 5.0, 400), (160, 5.5, 880)],  # Ns
        *[(112, 4.5, 504), (256, 5.5, 1408), (48, 3.5, 168), (160, 4.5, 720)],  # Nm and Nl
    ],
)
def test_mob_expands_as_the_nano_models_do(out_channels: int, ratio: float, expanded: int) -> None:
    assert Mob(out_channels=out_channels, expand_ratio=ratio).expanded_channels == expanded


def test_a_rectangular_convolution_is_priced_by_the_area_of_its_kernel() -> None:
    op = conv((16, 20, 30), 24, kernel_size=(1, 7), stride=(1, 2))
    assert op.out_shape == (24, 20, 15)
    assert op.fan_in == 16 * 7
    assert op.macs == 16 * 7 * 24 * 20 * 15
    assert op.params == 16 * 7 * 24 + 2 * 24


def test_a_square_given_as_two_sides_is_the_square() -> None:
    assert conv((16, 20, 30), 24, (3, 3), (2, 2)) == conv((16, 20, 30), 24, 3, 2)
    assert conv((16, 20, 30), 24, (3, 3)).kernel_size == 3
