"""Prices are found again from what was measured, and say where they stop being known."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from maenas.blocks import Op
from maenas.blocks.op import avg_pool, conv, max_pool, upsample
from maenas.budgets.latency import DeviceError
from maenas.budgets.pricing.kernels import KernelKind, kernel_of, terms_of
from maenas.budgets.pricing.operator_model import (
    Kernel,
    Observation,
    OperatorModel,
    fit,
    relative_errors,
)
from tests.slow_machine import true_us


def model_of(kernels: dict[str, Kernel]) -> OperatorModel:
    return OperatorModel(
        device="mine", hardware="cpu", precision="f32", kind="measured", about="measured",
        kernels=kernels, command="maenas profile --device mine",
    )  # fmt: skip


def random_op(chance: random.Random) -> Op:
    side = chance.choice((10, 20, 40, 80))
    shape = (8 * chance.randint(1, 40), side, side)
    match chance.randrange(4):
        case 0:
            return conv(shape, 8 * chance.randint(1, 40), act=chance.choice(("relu", "silu")))
        case 1:
            return conv(shape, 8 * chance.randint(1, 40), 3, adds=chance.random() < 0.5)
        case 2:
            return avg_pool(shape)
        case _:
            return upsample(shape)


def random_ops(count: int, seed: int = 0) -> list[Op]:
    chance = random.Random(seed)
    return [random_op(chance) for _ in range(count)]


def singly(ops: list[Op]) -> list[Observation]:
    return [Observation((op,), true_us(op)) for op in ops]


def worst_error(model: OperatorModel, ops: list[Op]) -> float:
    networks = [((op,), true_us(op) / 1e3) for op in ops]
    return float(abs(relative_errors(model, networks)).max())


def test_prices_of_undisturbed_samples_are_found_again() -> None:
    model = model_of(fit(singly(random_ops(300))))
    assert worst_error(model, random_ops(100, seed=1)) < 0.01


def test_a_tenth_of_the_samples_disturbed_does_not_bend_the_rest() -> None:
    observed = singly(random_ops(400))
    disturbed = [
        replace(one, us=4 * one.us) if index % 10 == 0 else one
        for index, one in enumerate(observed)
    ]
    model = model_of(fit(disturbed))
    assert worst_error(model, random_ops(100, seed=1)) < 0.1
    assert worst_error(model_of(fit(observed)), random_ops(100, seed=1)) < 0.01


def test_networks_that_were_only_measured_as_a_whole_tell_prices_too() -> None:
    wholes = [random_ops(6, seed) for seed in range(200)]
    joint = [Observation(tuple(ops), sum(map(true_us, ops))) for ops in wholes]
    model = model_of(fit(joint))
    others = [random_ops(20, seed) for seed in range(1000, 1020)]
    errors = relative_errors(model, [(ops, sum(map(true_us, ops)) / 1e3) for ops in others])
    assert abs(errors).max() < 0.02


def test_a_sample_of_more_weight_counts_for_more() -> None:
    op = conv((64, 40, 40), 64, 3)
    prices = [
        model_of(fit([Observation((op,), 100.0, 1.0), Observation((op,), 110.0, weight)])).op_ms(op)
        for weight in (0.1, 1.0, 10.0)
    ]
    assert 0.1 <= prices[0] < prices[1] < prices[2] <= 0.11


def test_the_fit_does_not_depend_on_chance() -> None:
    observed = singly(random_ops(100))
    assert fit(observed) == fit(observed)


def test_a_term_that_no_observed_operator_has_costs_nothing() -> None:
    """Rounding must not decide what larger operators cost, such as those beyond the cache."""
    chance = random.Random(0)
    ops = [op for op in random_ops(200) if max(terms_of(op)[4:6]) == 0.0]
    found = fit([Observation((op,), true_us(op) * chance.uniform(0.8, 1.2)) for op in ops])
    assert {price for kernel in found.values() for price in kernel.us[4:6]} == {0.0}


def test_nothing_observed_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing was observed"):
        fit([])


def test_no_price_falls_when_an_operator_grows() -> None:
    """Whatever was measured: coefficients are not negative."""
    chance = random.Random(0)
    noise = [replace(one, us=one.us * chance.uniform(0.3, 3)) for one in singly(random_ops(200))]
    model = model_of(fit(noise))
    for op in random_ops(200, seed=2):
        channels, height, width = op.in_shape
        out_channels, out_height, out_width = op.out_shape
        bigger = replace(
            op,
            in_shape=(channels, 2 * height, width),
            out_shape=(out_channels, 2 * out_height, out_width),
        )
        assert model.op_ms(bigger) >= model.op_ms(op)
        if op.kind == "conv":
            for wider in (
                conv((channels + 8, height, width), op.out_shape[0], op.kernel_size, act=op.act),
                conv(op.in_shape, op.out_shape[0] + 8, op.kernel_size, act=op.act),
            ):
                assert model.op_ms(replace(wider, adds=op.adds)) >= model.op_ms(op)


def test_a_window_that_was_not_measured_takes_the_nearest_of_its_family_and_says_so() -> None:
    model = model_of(fit(singly(random_ops(300))))  # 1x1 and 3x3 alone
    op = conv((64, 40, 40), 64, 5)
    assert model.guess(op) == "conv 5x5/1 was not measured, priced as conv 3x3/1"
    assert model.op_ms(op) > model.op_ms(conv((64, 40, 40), 64, 3))
    expected = zip(model.kernels[KernelKind("conv", (3, 3))].us, terms_of(op), strict=True)
    assert model.op_ms(op) == pytest.approx(sum(us * count for us, count in expected) / 1e3)


def test_the_nearest_window_is_one_of_the_nearest_side_then_stride() -> None:
    windows = ((1, 1), (3, 1), (3, 2), (9, 1))
    ops = [conv((64, 40, 40), 64, side, stride) for side, stride in windows]
    model = model_of(fit(singly(ops)))
    assert "priced as conv 3x3/2" in str(model.guess(conv((64, 40, 40), 64, 5, 2)))
    assert "priced as conv 1x1/1" in str(model.guess(conv((64, 40, 40), 64, 1, 2)))
    assert "priced as conv 9x9/1" in str(model.guess(conv((64, 40, 40), 64, 7)))


def test_the_nearest_window_of_a_rectangle_is_the_turned_one_then_one_of_its_area() -> None:
    windows = ((3, 1), (1, 1), ((1, 7), 1), ((1, 3), 1))
    ops = [conv((64, 40, 40), 64, sides, stride) for sides, stride in windows]
    model = model_of(fit(singly(ops)))
    assert "priced as conv 1x7/1" in str(model.guess(conv((64, 40, 40), 64, (7, 1))))
    assert "priced as conv 1x3/1" in str(model.guess(conv((64, 40, 40), 64, (3, 1))))
    assert "priced as conv 1x7/1" in str(model.guess(conv((64, 40, 40), 64, (1, 9))))
    old = model_of(fit(singly([conv((64, 40, 40), 64, side) for side in (1, 3, 7)])))
    assert "priced as conv 3x3/1" in str(old.guess(conv((64, 40, 40), 64, (1, 7))))


def test_a_convolution_of_an_image_falls_back_on_other_convolutions() -> None:
    model = model_of(fit(singly(random_ops(300))))
    assert "priced as conv 3x3/1" in str(model.guess(conv((3, 40, 40), 64, 3)))


def test_a_kind_that_was_never_measured_is_an_error_that_names_the_command() -> None:
    model = model_of(fit(singly(random_ops(50))))
    message = "device mine: operators of kind 'max_pool' were never measured .*: maenas profile"
    for ask in (model.op_ms, model.guess):
        with pytest.raises(DeviceError, match=message):
            ask(max_pool((64, 40, 40), 5))


def test_sizes_far_beyond_those_measured_are_guesses_and_those_within_are_not() -> None:
    ops = [conv((channels, 40, 40), 64, 3) for channels in (32, 64, 128)]
    model = model_of(fit(singly(ops)))
    assert model.guess(ops[1]) is None
    assert model.guess(conv((140, 40, 40), 64, 3)) is None
    told = model.guess(conv((512, 40, 40), 64, 3))
    assert told == "conv 3x3/1 was measured for 32 to 128 input channels, not 512"
    assert "64 to 64 output channels, not 8" in str(model.guess(conv((64, 40, 40), 8, 3)))
    assert "positions, not 25" in str(model.guess(conv((64, 5, 5), 64, 3)))


def test_kernels_are_those_of_the_operators_and_know_their_sizes() -> None:
    ops = random_ops(50)
    kernels = fit(singly(ops))
    assert list(kernels) == sorted({kernel_of(op) for op in ops}, key=str)
    channels = [op.in_shape[0] for op in ops if str(kernel_of(op)) == "conv 1x1/1"]
    assert kernels[KernelKind("conv", (1, 1))].sizes[0] == (min(channels), max(channels))


def test_a_table_of_before_prices_splits_and_slices_as_the_copies_that_they_were() -> None:
    shape, half = (64, 40, 40), (32, 40, 40)
    known = Op("copy", shape, shape)
    model = model_of(fit([Observation((known,), true_us(known))]))
    for kind in ("split", "crop", "gather"):
        op = Op(kind, shape, half)
        assert model.op_ms(op) == model.op_ms(Op("copy", shape, half))
        assert model.guess(op) == f"{kind} was not measured, priced as copy"
    with pytest.raises(DeviceError, match="'topk' were never measured"):
        model.op_ms(Op("topk", shape, half))
