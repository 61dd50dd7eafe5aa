"""The documentation as a site: built without a warning and without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from maenas.cli.commands import GROUPS
from tests.pages.page import ROOT
from tests.patience import PATIENCE_S

pytest.importorskip("material", reason="the docs extra is not installed")
pytest.importorskip("mkdocstrings", reason="the docs extra is not installed")
# What a browser would load by itself; a link that a reader clicks is none.
TAGS = "script|img|iframe|link|source"
LOADED = re.compile(rf"<(?:{TAGS})\b[^>]*?(?:src|href)=[\"']?(https?:[^\"'> ]+)")

pytestmark = pytest.mark.slow  # the site takes ten seconds to build


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it, into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_no_page_loads_anything_from_a_network(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    loaded = {page.name: LOADED.findall(page.read_text("utf-8")) for page in pages}
    assert {name: urls for name, urls in loaded.items() if urls} == {}
    styles = [path for path in site.rglob("*.css") if "url(http" in path.read_text("utf-8")]
    assert styles == []


def test_the_reference_has_every_command_and_every_public_name(site: Path) -> None:
    import maenas

    commands = (site / "reference" / "commands.html").read_text("utf-8")
    names = [each.__name__.replace("_", "-") for several in GROUPS.values() for each in several]
    assert [name for name in names if f'id="maenas-{name}"' not in commands] == []
    python = (site / "reference" / "python.html").read_text("utf-8")
    public = [name for name in maenas.__all__ if not name.startswith("_")]
    assert [name for name in public if f'id="maenas.{name}"' not in python] == []


def test_the_front_page_is_the_readme(site: Path) -> None:
    page = (site / "index.html").read_text("utf-8")
    assert "make search" in page
    assert 'href="tutorial.html"' in page
