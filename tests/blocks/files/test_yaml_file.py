"""YAML that no file of ours can be is one line, in no time."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest

from maenas.blocks import SpecError
from maenas.blocks.files.yaml_file import parse_yaml, read_mapping

BOMB = "a0: &a0 [lol]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 40)
)
MERGES = "m0: &m0 {k0: 1}\n" + "".join(
    f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}], k{n}: 1}}\n" for n in range(1, 40)
)
CHAIN = "c0: &c0 [1]\n" + "".join(f"c{n}: &c{n} [*c{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "it expands to more than 1,000,000 values"),
        (MERGES, "it expands to more than 1,000,000 values"),
        (CHAIN, "it is nested more than 50 levels deep"),
        ("a: " + "[" * 60 + "]" * 60, "it is nested more than 50 levels deep"),
        ("a: " + "[" * 100_000, "nest"),
        ("a: &x [*x]", "*x refers to a value that contains it"),
        ("a: *x", "found undefined alias"),
        (f"a: {'9' * 5000}", "99... is not a number that can be used"),
        ("a: 18446744073709551616", "18446744073709551616 is beyond what a number can be"),
        ("a: " + ":".join(["1"] * 300), "is beyond what a number can be"),
        ("a: " + ":".join(["1"] * 300) + ".5", "is not a number that can be used"),
        ("a: !!int x", "'x' is not a number that can be used"),
        ("a: !!float ''", "'' is not a number that can be used"),
        ("a: !!bool x", "it lacks 'x'"),
        ("a: !!timestamp x", "NoneType"),
        ("? [a]\n: 1", "found unhashable key"),
        ("a: 1\na: 2", "key 'a' is given twice"),
        (f"{'a' * 900}: 1\n{'a' * 900}: 2", "is given twice"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_what_yaml_cannot_be_is_one_short_line_in_no_time(text: str, reason: str) -> None:
    began = process_time()
    with pytest.raises(SpecError) as told:
        parse_yaml(text, "mine.yaml")
    assert process_time() - began < 10  # without limits a bomb takes for ever
    assert str(told.value).startswith("mine.yaml: not valid YAML: ")
    assert reason in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 400


def test_aliases_and_merges_of_usual_size_are_read() -> None:
    assert parse_yaml("a: &a {b: 1}\nc: *a\nd: {<<: *a, e: [&f 2, *f]}", "") == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": {"b": 1, "e": [2, 2]},
    }


def test_dates_are_text() -> None:
    assert parse_yaml("names: [2026-12-01, 2026-99-99, 10:30]", "") == {
        "names": ["2026-12-01", "2026-99-99", 630]
    }


def test_numbers_are_those_of_yaml() -> None:
    assert parse_yaml("[0x10, -7, 1.5e+3, 9223372036854775807, .inf]", "") == [
        16,
        -7,
        1500.0,
        2**63 - 1,
        float("inf"),
    ]


def test_a_mark_in_front_of_the_text_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_mapping(tmp_path / "a.yaml") == {"a": 1}


def test_a_list_is_not_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("[1]")
    with pytest.raises(SpecError, match=r"a\.yaml: must be a mapping of keys, got a list"):
        read_mapping(tmp_path / "a.yaml")
