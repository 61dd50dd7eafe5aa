"""Which device prices which latency, and what contradicts itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maenas.backbone_search.plan import fingerprint, plan
from maenas.backbone_search.priced_devices import device_names_in, labels_of, search_devices
from maenas.blocks.errors import MaenasError
from maenas.runs.config import SearchConfig


def asked(*budgets: str, device: str | None = None, points: int = 7) -> SearchConfig:
    return SearchConfig(budgets=budgets, device=device, points=points)


def axes_of(config: SearchConfig) -> list[str]:
    return [budget.axis for budget in search_devices(config).budgets]


def test_a_device_after_the_amount_is_the_same_as_the_option() -> None:
    named, given = search_devices(asked("3.8ms@t4")), search_devices(asked("3.8ms", device="t4"))
    assert named.device == given.device
    assert [replace(b, text="") for b in named.budgets] == [
        replace(b, text="") for b in given.budgets
    ]
    assert named.further == given.further == {}
    assert fingerprint(plan(asked("3.8ms@t4"))) == fingerprint(plan(asked("3.8ms", device="t4")))


def test_a_latency_without_a_device_takes_that_of_the_option() -> None:
    config = asked("3.8ms", "30ms@intel-8163", device="t4")
    assert axes_of(config) == ["latency_ms", "latency_ms@intel-8163"]
    assert device_names_in(config) == ["t4", "intel-8163"]
    found = search_devices(config)
    assert found.device is not None
    assert found.device.device == "t4"
    assert list(found.further) == ["intel-8163"]


def test_the_range_is_the_first_device() -> None:
    config = asked("12Mparams", "30ms@intel-8163", "2ms..6ms@t4")
    assert axes_of(config) == ["latency_ms", "params", "latency_ms@intel-8163"]
    assert device_names_in(config) == ["t4", "intel-8163"]


def test_a_device_may_be_given_beside_its_own_name() -> None:
    assert axes_of(asked("3.8ms@t4", device="t4")) == ["latency_ms"]


def test_tables_of_one_name_are_told_apart_by_their_paths() -> None:
    assert labels_of(["a/mine.json", "b/mine.json", "t4"]) == ["a/mine.json", "b/mine.json", "t4"]
    assert labels_of(["t4", "a/mine.json", "cpu-1t"]) == ["t4", "mine", "cpu-1t"]
    assert labels_of(["mine", "a/mine.json"]) == ["mine", "a/mine.json"]


@pytest.mark.parametrize(
    ("budgets", "device", "message"),
    [
        (["3.8ms", "30ms@intel-8163"], None, "budget: a latency is priced on a device; add --dev"),
        (["3.8ms@t4"], "intel-8163", r"--device intel-8163 prices no budget.*\(3.8ms@t4\); leave"),
        (["3.8ms", "4ms@t4"], "t4", r"latency_ms on t4 is limited twice; give one of .*4ms@t4"),
        (["3.8ms@t4", "4ms@t4:f16"], None, "t4 and t4:f16 are the same device, which is limited"),
        (["3.8ms@t5"], None, r"budget '3.8ms@t5': device: no device 't5'.* t4"),
        (["3.8ms@t4", "3ms@t4:int8"], None, "budget '3ms@t4:int8': device: t4:int8: no table or"),
        (["3.8ms@t4", "3ms@nowhere/mine.json"], None, "nowhere/mine.json: no such file"),
    ],
)
def test_what_contradicts_itself_is_refused(
    budgets: list[str], device: str | None, message: str
) -> None:
    with pytest.raises(MaenasError, match=message) as error:
        search_devices(asked(*budgets, device=device))
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)


# From budgets to subproblems.


def test_ranges_on_two_devices_become_pairs_in_equal_ratios() -> None:
    config = asked("2ms..8ms@t4", "10ms..40ms@intel-8163", points=3)
    subproblems = plan(replace(config, template="s"))
    (subproblem,) = subproblems
    problem = subproblem.problem
    assert subproblem.limits == pytest.approx((2, 4, 8))
    pairs = [problem.limits_at(limit)["latency_ms@intel-8163"] for limit in subproblem.limits]
    assert pairs == pytest.approx([10, 20, 40])
    assert problem.limits_at(8.0)["latency_ms@intel-8163"] == 40


def test_each_template_of_a_range_takes_its_own_pairs() -> None:
    subproblems = plan(asked("2ms..8ms@t4", "8ms..40ms@intel-8163", points=5))
    assert len(subproblems) > 1
    pairs = [
        (limit, subproblem.problem.limits_at(limit)["latency_ms@intel-8163"])
        for subproblem in subproblems
        for limit in subproblem.limits
    ]
    expected = [(2 * 4 ** (i / 4), 8 * 5 ** (i / 4)) for i in range(5)]
    assert pairs == [pytest.approx(pair) for pair in expected]


def test_a_limit_on_another_device_stays_where_one_is_a_range() -> None:
    (subproblem,) = plan(replace(asked("3ms..4ms@t4", "20ms@intel-8163"), template="s"))
    assert subproblem.problem.paired == ()
    for limit in subproblem.limits:
        assert subproblem.problem.limits_at(limit)["latency_ms@intel-8163"] == 20


def test_beside_a_cpu_the_nano_scales_may_be_chosen() -> None:
    (alone,) = plan(asked("2.5ms@t4"))
    (beside,) = plan(asked("2.5ms@t4", "4ms@intel-8163"))
    assert alone.template.name == "t"
    assert beside.template.name == "ns"
