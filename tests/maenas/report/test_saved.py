"""Sections read back from a page: what a reader saw, and the data of each chart."""

from __future__ import annotations

from pathlib import Path

from maenas.report import Page, Section, page_text
from maenas.report.saved import sections_of
from tests.maenas.report.every_chart import page

NAME = "</section><b>\"'&"


def test_a_page_is_read_back_and_written_again_to_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page(), encoding="utf-8")
    again = page_text(Page("Every chart", "of every kind", sections_of(path), "foot"))
    assert again == path.read_text("utf-8")


def test_a_title_from_a_file_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page_text(Page(NAME, NAME, [Section("one", NAME, "<p>x</p>")], NAME)))
    (section,) = sections_of(path)
    assert (section.anchor, section.title, section.body) == ("one", NAME, "<p>x</p>")


def test_no_page_and_a_page_of_another_program_have_no_sections(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert sections_of(path) == []
    path.write_text("<section id='x'>other</section>")
    assert sections_of(path) == []


def test_damaged_data_has_no_sections(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    for data in ("{", "[]", '{"charts":{}}'):
        path.write_text(f'<script type="application/json" id="data">{data}</script>')
        assert sections_of(path) == []
