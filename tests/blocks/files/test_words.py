"""Values in messages are cut before they are printed."""

from __future__ import annotations

from typing import Any

import pytest

from maenas.blocks.files.words import did_you_mean, shown


@pytest.mark.parametrize("value", [0, -1, 8.5, "eight", True, None, [1, "a"], (1, 2), {"a": [1]}])
def test_a_short_value_is_shown_as_python_writes_it(value: object) -> None:
    assert shown(value) == repr(value)


@pytest.mark.parametrize(
    "value", ["x" * 5000, b"x" * 5000, list(range(5000)), {n: n for n in range(5000)}, [["y" * 99]]]
)
def test_a_long_value_is_cut(value: object) -> None:
    assert len(shown(value)) == 80
    assert shown(value).endswith("...")


def test_an_integer_that_python_refuses_to_print_is_counted() -> None:
    assert shown(10**4999) == "a whole number of 5,000 digits"


def test_lists_of_lists_that_double_at_each_level_are_shown_at_once() -> None:
    value: Any = "lol"
    for _ in range(60):
        value = [value] * 9
    assert len(shown(value)) == 80


def test_a_known_word_in_other_case_and_one_that_begins_so_are_suggested() -> None:
    assert did_you_mean("T4", ["cpu", "t4", "t4-trt8"]) == "; did you mean t4?"
    known = ["t4-trt7", "t4-trt8", "t4-trt10-f16"]
    assert did_you_mean("t4-trt10", known) == "; did you mean t4-trt10-f16?"


def test_keys_of_a_file_that_are_no_text_are_never_suggested() -> None:
    assert did_you_mean("trian", [3, None, "train", True]) == "; did you mean train?"
    assert did_you_mean("trian", [3, None, 1.5]) == ""
