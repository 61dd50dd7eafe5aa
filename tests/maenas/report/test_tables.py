"""HTML that holds names from files: whatever these are, they stay text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from maenas.report import Figure, Gauge, Page, Section, commands, facts, figures, gauges, page_text
from maenas.report.page import script_json
from maenas.report.tables import copyable, folded, notes, paragraph, table

NAME = "</script><img src=x onerror=alert(1)>\"'&"


class Tags(HTMLParser):
    """The tags and the text of a piece of HTML."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.words += " ".join(value or "" for _, value in attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize(
    "content",
    [
        table(NAME, ["a", NAME], [["1", NAME]]),
        facts([(NAME, NAME)]),
        figures([Figure(NAME, NAME, NAME)]),
        gauges([Gauge(NAME, NAME, NAME, 0.5, True)]),
        commands([(NAME, NAME)]),
        copyable(NAME, NAME),
        notes([NAME]),
        paragraph(NAME, NAME),
        folded(NAME, ""),
    ],
)
def test_a_name_that_looks_like_html_stays_text(content: str) -> None:
    read = Tags(content)
    assert "img" not in read.tags
    assert "script" not in read.tags
    assert NAME in read.words


def test_data_cannot_end_the_script_it_stands_in() -> None:
    written = script_json({"name": NAME, "line": "\u2028"})
    assert "<" not in written
    assert written.isascii()
    assert json.loads(written)["name"] == NAME


@pytest.mark.parametrize("sign", ["\x1b", "\u202e", "\u2066", "\udcff", "\x9b"])
def test_characters_that_change_the_text_beside_them_are_shown_as_escapes(sign: str) -> None:
    name = f"cat{sign}gnp \u732b"
    escaped = sign.encode("unicode_escape").decode()
    assert Tags(copyable(name, f"{name}\nend")).words.count(escaped) >= 2
    assert "\nend" in Tags(copyable("", f"{name}\nend")).words
    read = json.loads(script_json({"name": name, "lines": "a\\u001b\nb"}))
    assert read["lines"] == "a\\u001b\nb"
    assert read["name"].isprintable()
    assert read["name"].endswith("gnp \u732b")


def test_a_page_without_charts_is_small() -> None:
    section = Section("one", NAME, paragraph("text"))
    page = page_text(Page(NAME, NAME, [section], NAME))
    assert len(page) < 40_000
    read = Tags(page.partition("<script")[0])
    assert "img" not in read.tags
    assert NAME in read.words


def test_each_table_has_a_caption_and_each_column_a_scope() -> None:
    content = table("numbers", ["name", "value"], [["a", 1]], numbers=[1])
    assert "<caption>numbers</caption>" in content
    assert re.findall(r'<th scope="col"( class="number")?>', content) == ["", ' class="number"']


def test_a_bar_never_leaves_its_track() -> None:
    content = gauges([Gauge("latency", "9 ms", "3 ms", 3.0, True)])
    assert "width:100.0%" in content
    assert "300.0 %" in content
