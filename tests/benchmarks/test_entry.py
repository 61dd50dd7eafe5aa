"""Contract of all benchmarks: one entry point, help for each option, mistakes as one line."""

from __future__ import annotations

import argparse
import ast
import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bench_judge import named_run
from benchmarks.entry import (
    Parser,
    existing,
    existing_file,
    existing_folder,
    one_of,
    output_file,
    output_folder,
    positive,
    run_main,
)
from benchmarks.real.meter import run_metered
from maenas.blocks import MaenasError

FOLDER = Path(__file__).parents[2] / "benchmarks"
MAIN = "if __name__ == '__main__':"
# Programs, each of which a benchmark starts in a process or an environment of its own.
PROGRAMS = ("one_rank.py", "libreyolo_peer.py", "ultralytics_peer.py")


def commands() -> dict[str, ast.Module]:
    """The source of each module that is run as a command, by its path."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(FOLDER.rglob("*.py"))}
    return {
        str(path.relative_to(FOLDER)): tree
        for path, tree in trees.items()
        if MAIN in ast.unparse(tree) and path.name not in PROGRAMS
    }


def options(tree: ast.Module) -> list[dict[str, str]]:
    """The keyword arguments of each option of a parser, with its name."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        {"name": ast.unparse(call.args[0])}
        | {each.arg: ast.unparse(each.value) for each in call.keywords if each.arg}
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"
    ]


@pytest.mark.parametrize(("path", "tree"), commands().items(), ids=list(commands()))
def test_every_benchmark_has_the_shared_entry_and_parser(path: str, tree: ast.Module) -> None:
    text = ast.unparse(tree)
    assert ast.unparse(tree.body[-1]).startswith(f"{MAIN}\n    run_main(main")
    assert "Parser(__doc__)" in text
    assert "ArgumentParser(" not in text


@pytest.mark.parametrize(("path", "tree"), commands().items(), ids=list(commands()))
def test_every_option_has_a_help_text_and_every_path_says_whether_it_exists(
    path: str, tree: ast.Module
) -> None:
    shown = [each for each in options(tree) if each.get("help") != "argparse.SUPPRESS"]
    assert [each["name"] for each in shown if not each.get("help")] == []
    assert [each["name"] for each in shown if each.get("type") == "Path"] == []


def ended(main: Callable[[], Any], advice: str = "") -> int | str | None:
    with pytest.raises(SystemExit) as end:
        run_main(main, advice)
    return end.value.code


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("real", "/nothere --runs runs", "argument data: /nothere: there is no such file or"),
        ("real", ". --runs runs --models yolo99", "yolo99: must be one of yolo11n"),
        ("real", ". --runs runs --models yolo11n", "yolo11n: needs --peers-python"),
        ("real", ". --runs runs --models x=nofile.yaml", "nofile.yaml"),
        ("real", ". --runs runs --peers-python nopython", "nopython: there is no such file"),
        ("inherit", "/nothere --runs runs", "argument real: /nothere: there is no such folder"),
        ("union", "/nothere --runs runs", "argument real: /nothere: there is no such folder"),
        ("one_to_one", "/nothere", "argument data: /nothere: there is no such file or folder"),
        ("operators", "zz", "argument scale: invalid choice: 'zz'"),
        ("operators", "nm --beside nofile.onnx", "argument --beside: nofile.onnx: there is no"),
        ("judge", "--take mine=.", "argument --take: must be one of"),
        ("assign", "--compute gpu", "compute: must be cpu, cuda:0 or auto, got 'gpu'"),
    ],
)
def test_a_wrong_argument_is_one_line_before_any_work(
    name: str,
    words: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = importlib.import_module(f"benchmarks.bench_{name}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *words.split()])
    assert ended(module.main) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: ")
    assert said in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (MaenasError("a.yaml: is empty."), 2, "error: a.yaml: is empty.\n"),
        (
            subprocess.CalledProcessError(3, ["maenas", "val", "a b"]),
            2,
            "error: maenas val 'a b': failed with exit code 3\n",
        ),
        (
            subprocess.CalledProcessError(3, ["pip"], stderr=b"Traceback\nKeyError: 'a'\n\n"),
            2,
            "error: pip: failed with exit code 3: KeyError: 'a'\n",
        ),
        (KeyboardInterrupt(), 130, "interrupted; the same command continues\n"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    raised: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise raised

    assert ended(main, "the same command continues") == code
    assert capsys.readouterr().err == line


def test_a_bug_keeps_its_traceback() -> None:
    def main() -> None:
        raise KeyError("stage")

    with pytest.raises(KeyError, match="stage"):
        run_main(main)


def test_the_exit_code_of_a_benchmark_is_that_of_its_process() -> None:
    assert ended(lambda: 3) == 3


def test_the_last_line_of_a_training_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.real.meter.POLL_S", 0.02)
    words = [sys.executable, "-c", "print('begun', flush=True); raise SystemExit('error: no GPU.')"]
    assert ended(lambda: run_metered(words, tmp_path)) == 2
    assert capsys.readouterr().err.endswith("failed with exit code 1: error: no GPU.\n")


def test_help_shows_defaults_where_there_are_some() -> None:
    parser = Parser("What it is.\n\n    python -m benchmarks.it")
    parser.add_argument("--seeds", nargs="+", default=[0, 1], help="random seeds")
    parser.add_argument("--seed", default=0, help="random seed")
    parser.add_argument("--peer", type=existing, help="Python of a peer")
    parser.add_argument("--table", action="store_true", help="only the table")
    parser.add_argument("--set", default=[], help="change")
    text = parser.format_help()
    assert "\n    python -m benchmarks.it\n" in text
    assert "random seeds (default: 0 1)" in text
    assert "random seed (default: 0)" in text
    assert text.count("default") == 2


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (existing, ["folder", "file"], ["none"]),
        (existing_file, ["file"], ["none", "folder"]),
        (existing_folder, ["folder"], ["none", "file"]),
        (output_folder, ["none/new", "folder"], ["file"]),
        (output_file, ["none", "folder/new", "file"], ["none/new", "folder"]),
        (positive, ["1", "20"], ["0", "-1", "1.5", "many"]),
        (one_of(("ns", "t")), ["ns", "t"], ["s", ""]),
        (named_run, ["latency=folder"], ["latency", "latency=none", "other=folder"]),
    ],
)
def test_a_type_takes_what_its_name_says(
    kind: Callable[[str], object],
    good: list[str],
    bad: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    for word in good:
        kind(word)
    for word in bad:
        with pytest.raises(argparse.ArgumentTypeError):
            kind(word)


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_closes_the_pipe_gets_no_traceback(lines: int) -> None:
    program = f"from benchmarks.entry import run_main; run_main(lambda: print('row\\n' * {lines}))"
    started = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.stdin.read(); {program}"],
        cwd=FOLDER.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with started:
        started.stdout.close()
        started.stdin.close()  # it prints now
        assert started.stderr.read() == ""
    assert started.returncode == 1
