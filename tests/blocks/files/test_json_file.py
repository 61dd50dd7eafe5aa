"""JSON that cannot be used is one line, of the error that the reader asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from maenas.blocks import MaenasError
from maenas.blocks.files.json_file import json_text, parse_json, read_json


class OwnError(MaenasError):
    """An error of one reader."""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b'{"a": "\xff"}', "codec can't decode"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a whole number of 5,000 digits"),
        (b'{"a": -' + b"9" * 41 + b"}", "a whole number of 41 digits"),
        (b"[1]", "instead of a mapping"),
        (b"null", "instead of a mapping"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(OwnError) as told:
        read_json(path, error=OwnError, wrong="is no table", hint="measure it")
    assert str(told.value).startswith(f"{path}: is no table: ")
    assert reason in str(told.value)
    assert str(told.value).endswith("; measure it.")


def test_a_line_is_named_as_the_reader_says() -> None:
    with pytest.raises(OwnError, match=r"^a\.jsonl: line 7: is damaged: Expecting value"):
        parse_json("x", "a.jsonl: line 7", error=OwnError)


def test_an_object_is_read() -> None:
    assert parse_json('{"a": [1, 2.5, -9223372036854775808, null]}', "") == {
        "a": [1, 2.5, -(2**63), None]
    }


def test_a_written_text_has_no_character_that_changes_a_terminal() -> None:
    data = {"file": "a\x1b\u202e\udcff\x9b", "name": "\u732b"}
    text = json_text(data, indent=1)
    assert text.replace("\n", "").isprintable()
    assert "\u732b" in text
    assert parse_json(text, "") == data
    assert json_text(data, ascii_only=True).isascii()
