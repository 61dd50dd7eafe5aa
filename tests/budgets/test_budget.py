"""Budgets as people write them, and what is refused with a suggestion."""

from __future__ import annotations

from typing import get_args

import pytest

from maenas.blocks import MaenasError
from maenas.budgets import (
    Budget,
    BudgetError,
    InfeasibleError,
    Quantity,
    parse_budget,
    parse_budgets,
    show,
    show_amount,
)

MEANINGS: list[tuple[str, Quantity, float]] = [
    ("3.8ms", "latency_ms", 3.8),
    ("0.0038s", "latency_ms", 3.8),
    ("3800us", "latency_ms", 3.8),
    ("3800\u00b5s", "latency_ms", 3.8),  # micro sign
    ("3800\u03bcs", "latency_ms", 3.8),  # Greek letter
    ("9GMACs", "macs", 9e9),
    ("18GFLOPs", "macs", 9e9),  # two a multiply-accumulate
    ("750MMACs", "macs", 750e6),
    ("1500MFLOPs", "macs", 750e6),
    ("5KMACs", "macs", 5e3),
    ("7MACs", "macs", 7),
    ("7FLOPs", "macs", 3.5),
    ("0.02TMACs", "macs", 20e9),
    ("0.02TFLOPs", "macs", 10e9),
    ("8Mparams", "params", 8e6),
    ("8M", "params", 8e6),
    ("800K", "params", 800e3),
    ("800Kparams", "params", 800e3),
    ("0.008Gparams", "params", 8e6),
    ("8000000params", "params", 8e6),
    ("25layers", "layers", 25),
    ("64MB", "memory_bytes", 64e6),
    ("64MiB", "memory_bytes", 64 * 1024**2),
    ("512KB", "memory_bytes", 512e3),
    ("512KiB", "memory_bytes", 512 * 1024),
    ("1GB", "memory_bytes", 1e9),
    ("1GiB", "memory_bytes", 1024**3),
    ("4096B", "memory_bytes", 4096),
]


@pytest.mark.parametrize(("text", "quantity", "limit"), MEANINGS)
def test_a_unit_says_which_quantity_and_how_much(
    text: str, quantity: Quantity, limit: float
) -> None:
    budget = parse_budget(text)
    assert (budget.quantity, budget.low, budget.text) == (quantity, None, text)
    assert budget.limit == pytest.approx(limit, rel=1e-15)


def test_every_quantity_can_be_limited() -> None:
    assert {quantity for _, quantity, _ in MEANINGS} == set(get_args(Quantity))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("3.8 ms", "3.8ms"),
        (" 3.8ms ", "3.8ms"),
        ("3.8MS", "3.8ms"),
        ("9gmacs", "9GMACs"),
        ("18GFlops", "18GFLOPs"),
        ("8mparams", "8Mparams"),
        ("64mb", "64MB"),
        ("25Layers", "25layers"),
        ("+3.8ms", "3.8ms"),
        ("3.80e0ms", "3.8ms"),
        (".5ms", "0.5ms"),
        ("5.ms", "5ms"),
        ("1e3us", "1ms"),
    ],
)
def test_spelling_does_not_matter(text: str, same: str) -> None:
    budget, expected = parse_budget(text), parse_budget(same)
    assert (budget.quantity, budget.limit) == (expected.quantity, expected.limit)


def test_a_range_has_both_ends() -> None:
    assert parse_budget("2ms..8ms") == Budget("latency_ms", 8.0, "2ms..8ms", 2.0)
    assert parse_budget("500MMACs..2GMACs") == Budget("macs", 2e9, "500MMACs..2GMACs", 0.5e9)
    assert parse_budget("2 ms .. 8 ms").low == 2.0


@pytest.mark.parametrize("number", ["3.8", "8", "1e9", ".5", " 7 "])
def test_a_bare_number_is_refused_with_suggestions(number: str) -> None:
    bare = number.strip()
    with pytest.raises(
        BudgetError,
        match=f"lacks a unit; did you mean {bare}ms, {bare}GMACs or {bare}Mparams",
    ):
        parse_budget(number)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("3.8mss", "ms"),
        ("9GMAC", "GMACs"),
        ("18GFLOP", "GFLOPs"),
        ("18GFLOPS/s", "GFLOPs"),
        ("25layer", "layers"),
        ("8Mparam", "Mparams"),
        ("8m", "ms"),  # neither metres nor millions: M is for millions
    ],
)
def test_an_unknown_unit_is_refused_with_the_nearest(text: str, near: str) -> None:
    with pytest.raises(BudgetError, match=f"no such unit .*; did you mean ({near})\\?"):
        parse_budget(text)


def test_a_unit_like_no_other_is_refused_with_all_there_are() -> None:
    with pytest.raises(BudgetError, match=r"no such unit 'parsecs'.*(did you mean|known: .*ms)"):
        parse_budget("3parsecs")


@pytest.mark.parametrize(
    "text", ["-3ms", "0ms", "-0ms", "0.0GMACs", "1e999ms", "1e308s", "1e-400ms", "-2ms..8ms"]
)
def test_what_is_not_a_positive_number_is_refused(text: str) -> None:
    with pytest.raises(BudgetError, match="must be a positive number, got"):
        parse_budget(text)


@pytest.mark.parametrize(
    "text", ["", " ", "ms", "nan", "nanms", "infms", "fast", "1.2.3ms", "--3ms", "..", "..8ms"]
)
def test_what_is_no_number_and_unit_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BudgetError, match=r"^budget '.*(number and a unit, such as 3\.8ms|unit)"):
        parse_budget(text)


@pytest.mark.parametrize("text", ["8ms..2ms", "2ms..2ms", "2ms..8GMACs", "8Mparams..9MB"])
def test_a_range_runs_upwards_in_one_quantity(text: str) -> None:
    with pytest.raises(BudgetError, match="runs from a smaller to a larger value of one quantity"):
        parse_budget(text)


@pytest.mark.parametrize("text", ["2..8ms", "2ms..8", "2ms..", "2ms..4ms..8ms", "2ms..fast"])
def test_both_ends_of_a_range_are_whole_budgets(text: str) -> None:
    with pytest.raises(BudgetError, match=f"^budget '{text}': "):
        parse_budget(text)


# Several at once.


def test_several_budgets_hold_at_once() -> None:
    assert parse_budgets(["3.8ms", "8Mparams"]) == (
        Budget("latency_ms", 3.8, "3.8ms"),
        Budget("params", 8e6, "8Mparams"),
    )


def test_one_of_several_may_be_a_range() -> None:
    first, second = parse_budgets(["8Mparams", "2ms..8ms"])
    assert (first.low, second.low) == (None, 2.0)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], r"at least one is needed, such as 3\.8ms"),
        (["3ms", "4ms"], r"latency_ms is limited twice; give one of \['3ms', '4ms'\]"),
        (["9GMACs", "18GFLOPs"], "macs is limited twice"),
        (["8M", "3ms", "2ms..4Mparams"], "one quantity"),
        (["2ms..8ms", "1M..2M"], "only one may be a range"),
        (["3ms", "8"], "budget '8': lacks a unit"),
    ],
)
def test_budgets_that_do_not_go_together_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(BudgetError, match=message):
        parse_budgets(texts)


def test_every_message_is_one_line_and_exits_as_promised() -> None:
    with pytest.raises(MaenasError) as error:
        parse_budget("3.8")
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
    assert InfeasibleError.exit_code == 3
    assert issubclass(InfeasibleError, BudgetError)


@pytest.mark.parametrize(
    ("quantity", "value", "text"),
    [
        ("latency_ms", 3.83333, "3.833 ms"),
        ("macs", 9.1e9, "9.100 GMACs"),
        ("params", 8.2e6, "8.200 M params"),
        ("layers", 25.0, "25 layers"),
        ("memory_bytes", 64e6, "64.00 MB"),
    ],
)
def test_a_value_is_shown_with_its_unit(quantity: Quantity, value: float, text: str) -> None:
    assert show(quantity, value) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("1.5GFLOPs", "1.5 GFLOPs = 0.750 GMACs"),
        ("1500mflops", "1500 MFLOPs = 0.750 GMACs"),
        ("1GFLOPs..3GFLOPs", "3 GFLOPs = 1.500 GMACs"),
        ("64MiB", "64 MiB = 67.11 MB"),
        ("750MMACs", "0.750 GMACs"),
        ("3800us", "3.800 ms"),
    ],
)
def test_a_limit_is_shown_in_the_unit_of_the_user_beside_the_usual_one(
    written: str, text: str
) -> None:
    budget = parse_budget(written)
    assert show_amount(budget, budget.limit) == text


# Latencies on named devices.


def test_a_latency_may_name_its_device() -> None:
    assert parse_budget("2.3ms@t4") == Budget("latency_ms", 2.3, "2.3ms@t4", device="t4")
    assert parse_budget(" 2.3 ms @ t4 ").device == "t4"
    assert parse_budget("2ms..6ms@t4").low == 2.0
    assert parse_budget("2ms..6ms@t4").device == "t4"
    assert parse_budget("4ms@../tables/a..b.json").device == "../tables/a..b.json"
    assert parse_budget("3ms@t4:int8").device == "t4:int8"


def test_latencies_on_several_devices_hold_at_once() -> None:
    budgets = parse_budgets(["2.3ms@t4", "30ms@cpu-1t", "4ms", "8Mparams"])
    axes = [budget.axis for budget in budgets]
    assert axes == ["latency_ms@t4", "latency_ms@cpu-1t", "latency_ms", "params"]


def test_several_of_them_may_be_ranges() -> None:
    budgets = parse_budgets(["2ms..6ms@t4", "20ms..60ms@cpu-1t", "8Mparams"])
    assert [budget.low for budget in budgets] == [2.0, 20.0, None]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["3ms@"], r"budget '3ms@': a device must follow @, as in 3\.8ms@t4"),
        (["9GMACs@t4"], "budget '9GMACs@t4': only a latency has a device; leave @t4 out"),
        (["2ms@t4..6ms@t4"], r"@ and the device stand once, as in 2ms\.\.8ms@t4"),
        (["3@t4"], "budget '3@t4': lacks a unit; did you mean 3ms"),
        (["@t4"], "budget '@t4': must be a number and a unit"),
        (["3ms@t4", "4ms@t4"], "latency_ms on t4 is limited twice; give one of .*3ms@t4.*4ms@t4"),
        (["2ms..6ms@t4", "1M..2M"], "only one may be a range"),
        (["6ms..2ms@t4"], "runs from a smaller to a larger value"),
    ],
)
def test_a_device_where_it_does_not_belong_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(BudgetError, match=message):
        parse_budgets(texts)
