"""What reaches a terminal is printable, whatever files and classes are called."""

from __future__ import annotations

import json

import pytest
from rich.table import Table

from maenas.blocks.files.words import printable
from maenas.terminal.console import ERR, OUT, print_json

FORGED = "a\x1b[31m\nerror: forged"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, with \u00e4 and \u732b", "plain text, with \u00e4 and \u732b"),
        (FORGED, r"a\x1b[31m\nerror: forged"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff.jpg", r"\udcff.jpg"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_and_tables_hold_no_escape_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(title=FORGED)
    table.add_column(FORGED)
    table.add_row(FORGED)
    OUT.print(table)
    OUT.print(FORGED)
    ERR.print(f"skipped: {FORGED}")
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert not [line for line in captured.out.splitlines() if line.startswith("error")]
    assert captured.err == r"skipped: a\x1b[31m\nerror: forged" + "\n"


def test_json_escapes_them_and_reads_back_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"file": f"{FORGED}\u202e\udcff\x9b", "name": "\u732b"}
    print_json(data)
    out = capsys.readouterr().out
    assert out[:-1].isprintable()
    assert "\u732b" in out
    assert json.loads(out) == data


@pytest.mark.parametrize(
    "words", [("show", "x" * 5000), ("show", "--" + "x" * 5000), ("x" * 5000,)]
)
def test_a_word_of_thousands_of_characters_is_cut(typed, words) -> None:  # type: ignore[no-untyped-def]
    ran = typed(*words)
    assert ran.code == 2
    assert len(ran.err) < 2500
