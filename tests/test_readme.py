"""What the README says is what happens."""

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from maenas.blocks import load_backbone
from maenas.budgets.device import FOLDER_VARIABLE
from maenas.cli.app import main
from tests.patience import PATIENCE_S
from tests.quick_measuring import quick_measuring

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# The README's own runs take minutes.
FEWEST = ["--evaluations", "2000", "--finalists", "0"]
FEWER = {
    "data make-shapes": ["--images", "40"],
    "search --budget 2ms..8ms": [*FEWEST, "--points", "2"],
    "search --budget 40ms": [*FEWEST, "--template", "nl", "--verify", "1"],
    "search": FEWEST,
    "profile": ["--quick", "--space", "mob", "--minutes", "0.1"],
    "run": ["--evaluations", "500", "--epochs", "1", "--input-size", "64"],
    "train": ["--epochs", "1", "--input-size", "64", "--workers", "0"],
    "distill": ["--epochs", "1", "--input-size", "64", "--workers", "0"],
    "val": ["--no-save"],
}


def fences(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def maenas_commands() -> list[list[str]]:
    """Every `maenas` command of the shell blocks, in order."""
    lines = [line for block in fences("bash") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("maenas ")]


def run(arguments: list[str], folder: Path) -> tuple[int, str, str]:
    """Run a command in this process, which has loaded the libraries: exit code, stdout, stderr."""
    out, err = StringIO(), StringIO()
    with quick_measuring(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv(FOLDER_VARIABLE, str(folder / "tables"))
        patch.setattr(sys, "argv", ["maenas", *arguments])
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


@pytest.fixture(scope="module")
def first_search(folder: Path) -> str:
    """Output of the README's first search, its finalists left out to spare the import of torch."""
    code, out, err = run([*maenas_commands()[0], "--finalists", "0"], folder)
    assert code == 0, err
    return " ".join(out.split())


def test_the_card_shown_is_the_card_printed(first_search: str) -> None:
    card = next(block for block in fences("text") if block.startswith("budget"))
    for number in re.findall(r"\d+\.\d+", card):
        assert number in first_search, f"the README's card says {number}"


@pytest.mark.parametrize("arguments", maenas_commands()[1:], ids=" ".join)
def test_every_command_shown_runs(arguments: list[str], folder: Path, first_search: str) -> None:
    fewer = (more for start, more in FEWER.items() if shlex.join(arguments).startswith(f"{start} "))
    arguments = [*arguments, *next(fewer, [])]
    if "--verify" in arguments:
        # the milliseconds shown are those of one machine; here, three times what its table says
        asked = ["predict", "zoo:damo-yolo-nl", "--device", "cpu", "--json"]
        predicted = json.loads(run(asked, folder)[1])["latency_ms"]["p50"]
        arguments[arguments.index("--budget") + 1] = f"{3 * predicted:.0f}ms"
    code, out, err = run(arguments, folder)
    assert code == 0, err
    assert out.strip()


def test_the_spec_shown_is_a_model_of_the_zoo(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(fences("yaml")[0], encoding="utf-8")
    assert load_backbone(path) == load_backbone("zoo:damo-yolo-s")


def test_the_python_shown_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    code = fences("python")[0]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    said = next(line.removeprefix("# ") for line in code.splitlines() if line.startswith("# ["))
    assert done.stdout.strip() == said


def test_the_python_of_a_whole_project_runs(tmp_path: Path) -> None:
    code = next(block for block in fences("python") if "maenas.search(" in block)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    score, path = done.stdout.splitlines()
    assert re.fullmatch(r"score 600\.\d, 3\.[34] ms, [\d,]+ params", score)
    assert path == "pets.onnx"
    assert (tmp_path / path).is_file()


def test_every_file_linked_exists() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    files = [target for target in targets if not target.startswith("https://")]
    assert [target for target in files if not (ROOT / target).exists()] == []


def test_make_has_the_two_commands_of_a_fresh_machine() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("search", "test"):
        assert f"make {target}\n" in "".join(fences("bash"))
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_no_placeholder_is_left() -> None:
    assert set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", README)) <= {"MAENAS_TABLES"}
