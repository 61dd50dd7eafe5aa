"""The walks of CONTRIBUTING.md, done as they are written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PYTHON, YAML, SHELL = (
    re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    for language in ("python", "yaml", "bash")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with the plugin, its space and its contract tests."""
    folder = tmp_path_factory.mktemp("contributing")
    (folder / "my_plugin.py").write_text(PYTHON[0])
    (folder / "plain.yaml").write_text(YAML[0])
    (folder / "test_my_plugin.py").write_text(PYTHON[1])
    return folder


def run(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "MAENAS_PLUGINS": "my_plugin"}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_block_a_score_and_a_searcher_of_a_user_work_in_every_command(folder: Path) -> None:
    commands = [line for line in SHELL[1].splitlines() if line.startswith("maenas ")]
    assert len(commands) == 3
    shown = [run(folder, *shlex.split(command)) for command in commands]
    assert "plain" in shown[1]
    assert (folder / "detector" / "detector.yaml").exists()


def test_they_keep_the_published_contracts(folder: Path) -> None:
    told = run(folder, "pytest", "-q", "-p", "no:cacheprovider", "test_my_plugin.py")
    assert re.search(r"\d{2,} passed", told)
