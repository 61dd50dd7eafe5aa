"""Reading of JSON piece by piece: the same values and the same places of errors as at once."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from maenas.detector.data.readers.coco import json_stream
from maenas.detector.data.readers.coco.json_stream import JsonStream, TextRows

DATA = {
    "info": {"year": 2026, "of": [1, [2, "a]"], {}]},
    "annotations": [
        {"id": number, "bbox": [1.5, 2, 3e2, 4], "counts": {"size": [number, 9]}, "text": 'é"}],'}
        for number in range(40)
    ],
    "none": [],
    "last": -12345.5,
}


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors are told from cut values within a few characters."""
    monkeypatch.setattr(json_stream, "NEAR", 60)


def read(content: bytes, chunk: int) -> dict[str, Any]:
    stream = JsonStream(io.BytesIO(content), chunk)
    return {
        key: list(stream.items()) if stream.is_list() else stream.value()
        for key in stream.members()
    }


@pytest.mark.parametrize("chunk", [1, 7, 64, 100_000])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_values_are_those_of_the_whole_text(chunk: int, indent: int | None, encoding: str) -> None:
    text = json.dumps(DATA, indent=indent, ensure_ascii=False)
    assert read(text.encode(encoding), chunk) == DATA


@pytest.mark.parametrize("chunk", [5, 100_000])
def test_each_item_is_given_with_its_text(chunk: int) -> None:
    stream = JsonStream(io.BytesIO(b'{"images": [{"id": 1} , {"id": [2]},\n{"id":3}]}'), chunk)
    rows = TextRows()
    for key in stream.members():
        assert key == "images"
        for _ in stream.items():
            rows.append(stream.item_text())
    assert len(rows) == 3
    assert list(rows) == [{"id": 1}, {"id": [2]}, {"id": 3}]


@pytest.mark.parametrize("chunk", [16, 100_000])
@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2,\n {"b": }]}',
        '{"a": [{"b": 1}\n {"b": 2}]}',
        '{"a": [1, 2',
        '{"a": "text',
        '{"a": [{"b": 1},\n\n   {"b": nope}, {"c": 2}, {"d": 3333333333}, {"e": 44444444444}]}',
        '{"a" 1}',
        '{"a": 1} {}',
        '{"a": [1] "b": 2}',
        "{1: 2}",
    ],
)
def test_an_error_names_the_line(text: str, chunk: int) -> None:
    with pytest.raises(json.JSONDecodeError) as known:
        json.loads(text)
    with pytest.raises(ValueError, match=rf": line {known.value.lineno} column \d+$"):
        read(text.encode(), chunk)


def test_an_error_in_the_middle_does_not_read_the_rest() -> None:
    file = io.BytesIO(b'{"a": [' + b"1, " * 50 + b"nope, " + b"1, " * 100_000 + b"1]}")
    stream = JsonStream(file, 1_000)
    with pytest.raises(ValueError, match=r"Expecting value: line 1 column 158$"):
        [list(stream.items()) for _ in stream.members()]
    assert file.tell() < 5_000
