"""What the pages name exists, and the page about the house shows every room."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_layering import CIRCLES, ROOMS, TOP_FOLDERS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md"))]
FOLDERS = (*TOP_FOLDERS, "maenas", "benchmarks", "tests", "docs")
IN_QUOTES = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = set(IN_QUOTES.findall(page.read_text("utf-8")))
    missing = {path for path in named if "NAME" not in path and not (ROOT / path).exists()}
    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_page_about_the_house_shows_every_room() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    table = page[page.index("| part | room |") : page.index("## Where does it go?")]
    rooms = re.findall(r"`(\w+)/`", table)
    for part, inner in ROOMS.items():
        assert set(inner) - set(rooms) - {"devices"} == set(), part


def test_the_page_about_the_house_gives_a_reason_for_every_circle_of_imports() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for circle in CIRCLES:
        files = [f"{module.rpartition('.')[2]}.py" for module in circle]
        assert [row for row in rows if all(f"/{file}`" in row for file in files)] != [], circle
