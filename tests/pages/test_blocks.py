"""What the pages show is what happens: every block is run, in the order of its page."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.pages.page import DOCS, PAGES, ROOT, blocks_of, name_of
from tests.pages.play import environment, play
from tests.patience import PATIENCE_S
from tests.quick_measuring import quick_measuring

TUTORIAL = DOCS / "tutorial.md"
WITH_PLUGINS = sorted((DOCS / "extend").glob("*.md"))
OTHERS = [page for page in PAGES if page not in (TUTORIAL, *WITH_PLUGINS)]
WITH_BLOCKS = [page for page in OTHERS if any(block.runs for block in blocks_of(page))]
SLOW = [page for page in WITH_BLOCKS if any(block.directive == "slow" for block in blocks_of(page))]


# Pages whose searches, measurements, trainings and exports take seconds
LONG = (
    *("docs/how-to/search.md", "docs/how-to/train.md"),
    *("docs/how-to/deploy.md", "docs/how-to/service.md"),
    *("docs/devices/measure.md", "docs/devices/several-devices.md"),
)


def marked(page: Path) -> Any:
    """A page as a parameter, slow if it is long."""
    return pytest.param(page, marks=[pytest.mark.slow] if name_of(page) in LONG else [])


@pytest.fixture(scope="module")
def after_the_tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tutorial was done: all other pages begin in a copy."""
    folder = tmp_path_factory.mktemp("tutorial")
    with quick_measuring():
        play(TUTORIAL, folder)
    return folder


@pytest.fixture
def folder(after_the_tutorial: Path, tmp_path: Path) -> Path:
    """A copy of the folder that the tutorial leaves."""
    return shutil.copytree(after_the_tutorial, tmp_path / "work")


def test_the_tutorial_leaves_what_it_says(after_the_tutorial: Path) -> None:
    assert (after_the_tutorial / "runs" / "search" / "exp" / "report.html").is_file()
    assert (after_the_tutorial / "model.onnx").is_file()
    drawn = [path.suffix for path in (after_the_tutorial / "detections").iterdir()]
    assert ".jpg" in drawn


@pytest.mark.parametrize("page", [marked(page) for page in WITH_BLOCKS], ids=name_of)
def test_every_block_of_a_page_runs(page: Path, folder: Path) -> None:
    with quick_measuring():
        play(page, folder)


@pytest.mark.slow
@pytest.mark.parametrize("page", SLOW, ids=name_of)
def test_every_slow_block_of_a_page_runs(page: Path, folder: Path) -> None:
    with quick_measuring():
        play(page, folder, slow=True)


@pytest.mark.slow
def test_every_slow_block_of_the_tutorial_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.pages.play.DONE", set())  # nothing was done in this folder
    with quick_measuring():
        play(TUTORIAL, tmp_path, slow=True)


@contextmanager
def player(pages: list[Path], folder: Path) -> Iterator[str]:
    """Output of a process that plays pages whose modules register classes for good."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.pages.play", str(folder), *map(name_of, pages)],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    yield done.stdout
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_plugins_of_the_pages_work_in_every_command_and_keep_their_contracts(
    after_the_tutorial: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(after_the_tutorial, tmp_path / "work")
    with player(WITH_PLUGINS, folder) as printed:
        lines = [line for line in printed.splitlines() if line.startswith('{"played"')]
    assert [json.loads(line)["played"] for line in lines] == [*map(name_of, WITH_PLUGINS)]
    assert (folder / "plain-detector" / "detector.yaml").is_file()
    assert "plain" in (folder / "plain" / "best.yaml").read_text("utf-8")
