"""Sections of a page that was written before, for a page that holds several."""

from __future__ import annotations

import html
import re
from pathlib import Path

from maenas.blocks.errors import MaenasError
from maenas.blocks.files.json_file import parse_json
from maenas.blocks.files.plain_file import read_text
from maenas.report.page import Section

LIMIT = 50_000_000  # bytes of a page
SECTION = re.compile(
    r'<section id="([\w.-]+)"[^>]*>(?:<h2 id="[^"]*">(.*?)</h2>)?(.*?)</section>', re.DOTALL
)
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def sections_of(path: Path) -> list[Section]:
    """The sections of a page that `page_text` wrote; [] if there is none, or it is damaged.

    All networks belong to the first section: charts of any section may name them.
    """
    if not path.is_file():
        return []
    page = read_text(path, limit=LIMIT)
    found = DATA.search(page)
    if found is None:
        return []
    try:
        data = parse_json(found[1], path)
        known, groups = dict(data["charts"]), dict(data["groups"])
    except (MaenasError, ValueError, KeyError, TypeError):
        return []
    sections = []
    for anchor, title, body in SECTION.findall(page[: found.start()]):
        charts = {name: one for name, one in known.items() if f'id="{name}"' in body}
        sections.append(Section(anchor, html.unescape(title), body, charts, groups))
        groups = {}
    return sections
