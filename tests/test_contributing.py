"""The walks of CONTRIBUTING.md, done as they are written."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PYTHON, YAML, SHELL = (
    re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    for language in ("python", "yaml", "bash")
)


PLUGIN, ASSIGNER, RUNTIME, READER = (
    next(code for code in PYTHON if code.rstrip().endswith(ending))
    for ending in ("Patient)", "register(Nearest)", "register(Unfused)", "register(CsvReader)")
)
CONTRACTS = {
    name: next(code for code in PYTHON if f"from {name} import" in code)
    for name in ("my_plugin", "my_assigner", "my_runtime", "my_reader")
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with the plugins, a space and the contract tests."""
    folder = tmp_path_factory.mktemp("contributing")
    modules = zip(CONTRACTS, (PLUGIN, ASSIGNER, RUNTIME, READER), strict=True)
    for name, code in modules:
        (folder / f"{name}.py").write_text(code)
        (folder / f"test_{name}.py").write_text(CONTRACTS[name])
    (folder / "plain.yaml").write_text(YAML[0])
    return folder


def ran(folder: Path, *arguments: str) -> str:
    """Output of a process that has all plugins."""
    environment = {**os.environ, "MAENAS_PLUGINS": ",".join(CONTRACTS)}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), str(ROOT)])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# All commands in one process, which starts once; each must end well.
SCRIPT = """\
import json, sys
from maenas.cli.app import main
for words in json.loads(sys.argv[1]):
    print(f"$ {words[1]}", flush=True)
    sys.argv = words
    try:
        main()
    except SystemExit as end:
        assert not end.code, (words, end.code)
"""


@pytest.fixture(scope="module")
def shown(folder: Path) -> dict[str, str]:
    """What each command of the walks prints, in their order on the page."""
    photos = folder / "photos"
    photos.mkdir()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(photos / "a.png")
    for split in ("train", "val"):
        rows = [f"a.png,class{number},4,4,{20 + number},30" for number in range(3)]
        (photos / f"{split}.csv").write_text("\n".join(rows) + "\n")
    lines = [line for block in SHELL[1:] for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("maenas ")]
    parts = ran(folder, "-c", SCRIPT, json.dumps(commands)).split("$ ")[1:]
    return {part.split("\n", 1)[0]: part for part in parts}


def test_a_block_a_score_and_a_searcher_of_a_user_work_in_every_command(
    shown: dict[str, str], folder: Path
) -> None:
    assert "plain" in shown["show"]
    assert "wide" in shown["search"]
    assert (folder / "detector" / "detector.yaml").exists()


def test_a_runtime_of_a_user_measures_what_was_found(shown: dict[str, str]) -> None:
    assert "ms measured" in shown["measure"]
    assert "ort-unfused f32" in shown["measure"]


def test_a_reader_of_a_user_feeds_the_commands(shown: dict[str, str]) -> None:
    assert "train: 1 image" in shown["data"]
    assert "written: judged" in shown["val"]


def test_they_keep_the_published_contracts(folder: Path) -> None:
    files = [f"test_{name}.py" for name in CONTRACTS]
    told = ran(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files)
    assert re.search(r"\d{3} passed", told)
