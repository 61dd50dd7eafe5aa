"""A page: sections, style, scripts and data in one file that loads nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from maenas import __version__
from maenas.report.tables import text

LIBRARY = "echarts.common.min.js"
ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u[0-9a-f]{4}")  # of a control character in JSON
SCRIPTS = ("networks.js", "panel.js", "charts.js", "page.js")
# The page forbids itself every request; styles, scripts and images stand in the file.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page.

    Attributes:
        anchor: name of its link within the page.
        title: heading; "" for a part without one.
        body: HTML.
        charts: data of its charts by the id of their element.
        groups: networks of its charts by name of the group.
    """

    anchor: str
    title: str
    body: str
    charts: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Content of one file of HTML.

    Attributes:
        title: heading of the page.
        lead: one sentence on what the page is about.
        sections: parts from top to bottom.
        foot: line at the end, such as versions and time.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    foot: str


def page_text(page: Page) -> str:
    """The HTML of a page; the library of charts is included only if it has charts."""
    data = {
        "charts": {name: one for section in page.sections for name, one in section.charts.items()},
        "groups": {name: one for section in page.sections for name, one in section.groups.items()},
    }
    scripts = [asset(name) for name in SCRIPTS]
    if any(one["kind"] != "drawing" for one in data["charts"].values()):
        scripts.insert(0, asset(LIBRARY))
    titled = [section for section in page.sections if section.title]
    links = "".join(f'<li><a href="#{text(s.anchor)}">{text(s.title)}</a></li>' for s in titled)
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">',
        f"<title>{text(page.title)}</title><style>{asset('report.css')}</style></head><body>",
        '<a class="skip" href="#content">Skip to the content</a>',
        f"<header><h1>{text(page.title)}</h1><p>{text(page.lead)}</p></header>",
        f'<nav aria-label="Sections"><ul>{links}</ul></nav><main id="content" tabindex="-1">',
        *(_section(section) for section in page.sections),
        f'</main><footer><p>{text(page.foot)}</p></footer><div id="said" role="status"></div>',
        f'<script type="application/json" id="data">{script_json(data)}</script>',
        *(f"<script>{script}</script>" for script in scripts),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _section(section: Section) -> str:
    anchor = text(section.anchor)
    heading = f'<h2 id="{anchor}-title">{text(section.title)}</h2>' if section.title else ""
    label = f' aria-labelledby="{anchor}-title"' if section.title else ""
    return f'<section id="{anchor}"{label}>{heading}{section.body}</section>'


def script_json(data: object) -> str:
    """Data as JSON that cannot end the script it stands in, and shows no unprintable character."""
    written = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    written = ESCAPE.sub(r"\\\g<0>", written)  # a control character is shown as its escape
    if not written.isprintable():
        written = "".join(
            sign if sign.isprintable() else "\\" + json.dumps(sign)[1:-1] for sign in written
        )
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def asset(name: str) -> str:
    """The text of a bundled file."""
    return (files("maenas.report") / "assets" / name).read_text(encoding="utf-8")


def foot() -> str:
    """The line at the end of a page."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"Written by maenas {__version__} at {now}. Charts by Apache ECharts (Apache License 2.0). "
        "This file holds all its data and loads nothing from a network."
    )
