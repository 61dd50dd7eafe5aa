"""What all tests of the command line share: typing commands and looking at what comes back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from maenas.blocks.backbone import BLOCKS
from maenas.cli.app import main
from maenas.nas import ALGORITHMS, SCORES
from maenas.runs.signals import ENDING
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]

# Three strided stages of few choices: searched, proven and plotted in a second or two.
SMALL_SPACE = """\
format: maenas/space@1
in_shape: [3, 64, 64]
features: [1, 2, 3]
stages:
  - block: conv_stem
    out_channels: {min: 8, max: 16, step: 8}
  - block: res_k1kx
    out_channels: {min: 16, max: 32, step: 8}
    bottleneck_channels: {min: 8, max: 32, step: 8}
    stride: 2
    depth: {min: 1, max: 2}
  - block: res_k1kx
    out_channels: {min: 16, max: 64, step: 8}
    bottleneck_channels: {min: 8, max: 32, step: 8}
    stride: 2
    depth: {min: 1, max: 3}
  - block: res_k1kx
    out_channels: {min: 16, max: 96, step: 8}
    bottleneck_channels: {min: 8, max: 48, step: 8}
    stride: 2
    depth: {min: 1, max: 3}
"""
SMALL_OPTIONS = (
    *("search", "--space", "small.yaml", "--template", "t", "--input-size", "64"),
    *("--weights", "1,1,2,4", "--evaluations", "600", "--finalists", "0"),
)
SMALL_BUDGET = ("--budget", "100MMACs")  # the largest network takes 116


@dataclass(frozen=True)
class Ran:
    """What a command left on the terminal."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of stdout, which must be one JSON object and nothing else."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """Stdout with line breaks, padding and frames gone: what it says however wide it is."""
        return " ".join(self.out.translate({ord(sign): " " for sign in "│╭╮╰╯─"}).split())


Shell = Callable[..., Ran]


def command(*arguments: object) -> list[str]:
    """A command line of another process."""
    return [sys.executable, "-m", "maenas", *map(str, arguments)]


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This tree and no width of a terminal, whatever the tests were started from."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


@pytest.fixture(scope="session")
def maenas() -> Shell:
    """Runs a command in a process of its own: `maenas("zoo", cwd=folder, code=0)`."""

    def run(
        *arguments: object,
        cwd: Path,
        code: int = 0,
        environ: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> Ran:
        done = subprocess.run(
            command(*arguments),
            cwd=cwd,
            env=environment(environ or {}),
            preexec_fn=before,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert "Warning" not in done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def heed_signals(before: Callable[[], None] | None) -> None:
    """Prepare a process for signals: a background shell starts processes that ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if before is not None:
        before()


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """Python's own reactions to signals.

    A shell ignores Ctrl-C for what it starts in the background, `nohup` ignores a closed terminal.
    """
    usual = {number: signal.SIG_DFL for number in ENDING} | {
        signal.SIGINT: signal.default_int_handler
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a command and does not wait for it; ends it with the tests if it still runs."""
    started = []

    def run(
        *arguments: object,
        cwd: Path,
        environ: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments),
            cwd=cwd,
            env=environment(environ or {}),
            preexec_fn=partial(heed_signals, before),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        with process:  # closes its pipes
            pass


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    """Blocks, scores and searchers that a test registers in this process are gone after it."""
    known: tuple[dict[str, Any], ...] = (BLOCKS, SCORES, ALGORITHMS)
    before = [dict(each) for each in known]
    yield
    for each, kept in zip(known, before, strict=True):
        each.clear()
        each.update(kept)


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """Runs a command in this process, in an empty folder: the same but for the start of Python."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["maenas", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        code = stopped.value.code
        code = 0 if code is None else code
        assert isinstance(code, int)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def unlimited(tmp_path: Path) -> tuple[str, ...]:
    """A search that takes no time but lacks a budget, and its space file where `typed` runs."""
    (tmp_path / "small.yaml").write_text(SMALL_SPACE)
    return SMALL_OPTIONS


@pytest.fixture
def small(unlimited: tuple[str, ...]) -> tuple[str, ...]:
    """A search that takes no time, under a budget that binds."""
    return (*unlimited, *SMALL_BUDGET)


@pytest.fixture(scope="session")
def small_folder(maenas: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the space of `small` and, as `run`, what `small` leaves; only to be read."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.yaml").write_text(SMALL_SPACE)
    maenas(*SMALL_OPTIONS, *SMALL_BUDGET, "--out", "run", cwd=folder)
    return folder


@pytest.fixture(scope="session")
def files_below() -> Callable[[Path], dict[str, bytes]]:
    """Every file in a folder and those in it, and what it holds."""

    def read(folder: Path) -> dict[str, bytes]:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}

    return read
