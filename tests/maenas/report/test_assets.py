"""The files that a page is made of: the library is the published one, with its licence."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from maenas.report.page import LIBRARY, SCRIPTS, asset

ROOT = Path(__file__).parents[3]


def test_the_library_is_the_file_that_make_fetches() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    known = re.search(r"ECHARTS := echarts@(\S+) dist/(\S+) \\\s+(\w{64}) (\S+)", makefile)
    assert known is not None
    version, name, checksum, folder = known.groups()
    assert name == LIBRARY
    content = (ROOT / folder / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == checksum
    assert f'"{version}"' in content.decode("utf-8")


def test_the_library_comes_with_its_licence() -> None:
    licence = asset("echarts.LICENSE.txt")
    for words in ("Apache License", "Version 2.0", "BSD 3-Clause (d3.js)", "Mike Bostock"):
        assert words in licence


def test_no_script_can_end_its_element_or_ask_for_a_file() -> None:
    for name in (LIBRARY, *SCRIPTS):
        assert "</script" not in asset(name).lower(), name
    for name in SCRIPTS:
        assert re.findall(r"fetch\(|XMLHttpRequest|import\(|innerHTML", asset(name)) == [], name
    assert re.findall(r"url\(|@import", asset("report.css")) == []
