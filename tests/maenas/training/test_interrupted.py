"""A training that is killed or interrupted, in one fixed command retried."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
import torch

from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.runs.run_lock import run_lock
from tests.maenas.conftest import Shell, environment
from tests.patience import PATIENCE_S
from tests.small_detector import small_spec
from tests.trainings import write_data
from tests.warm_start import warm_starter

EPOCHS = 2
MOMENTS = (0.4, 0.65)  # shares of the time that a whole training takes
SETTINGS = (
    *("--epochs", EPOCHS, "--compute", "cpu", "--workers", 2, "--set", "compute.batch=2"),
    *("--set", "batch=2", "--set", "min_steps=1"),
)
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    write_data(folder / "data", images=8)
    torch.manual_seed(0)
    spec = small_spec("stretch")
    save_folder(folder / "start", spec, spec.build().state_dict())
    return folder


class Process(Protocol):
    """A started command: what `subprocess.Popen` and `WarmCommand` have in common."""

    returncode: Any

    def send_signal(self, sig: int) -> None: ...
    def wait(self, timeout: float) -> int: ...
    def communicate(self, *, timeout: float) -> tuple[str, str]: ...


Command = Callable[..., Process]


@pytest.fixture
def asked(given: Path) -> tuple[object, ...]:
    """Words of the fixed command."""
    return ("train", given / "start", "--data", given / "data" / "data.yaml", *SETTINGS)


@pytest.fixture
def command(start: Callable[..., Process], asked: tuple[object, ...], tmp_path: Path) -> Command:
    """Starts the training from nothing, as a user does."""

    def run(*options: object) -> Process:
        return start(*asked, *options, cwd=tmp_path, environ=ONE_THREAD)

    return run


@pytest.fixture
def warm_command(asked: tuple[object, ...], tmp_path: Path) -> Iterator[Command]:
    """Starts the training in a process that has imported everything."""
    with warm_starter(tmp_path, environment(ONE_THREAD)) as starter:
        yield lambda *options: starter(*asked, *options, cwd=tmp_path)


def results(folder: Path) -> list[dict[str, str]]:
    """The table of a run, without the time that its epochs took."""
    with (folder / "results.csv").open() as file:
        return [{**row, "train_s": ""} for row in csv.DictReader(file)]


def finish(process: Process) -> tuple[int, str]:
    """The exit code and what was written to stderr."""
    err = process.communicate(timeout=PATIENCE_S)[1]
    return process.returncode, err


def killed(command: Command, number: int, moments: Sequence[float], folder: Path) -> list[str]:
    """Retry the command and send a signal at each moment, in seconds after the start.

    Returns:
        What was wrong with the end of each, "" where nothing was; fewer than moments if the
        training was done before.
    """
    wrong: list[str] = []
    for moment in moments:
        process = command("--out", folder, "--resume")
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            wrong.append(fault(*finish(process), number))
            continue
        assert finish(process)[0] == 0
        break
    return wrong


def fault(code: int, err: str, number: int) -> str:
    """What is wrong with the end of a command that was sent a signal."""
    if code == 0:
        return ""  # it was done
    if not err and code in (-number, 128 + number):
        return ""  # it had not begun
    if err.startswith(("Traceback", "Fatal Python error")) and "maenas/" not in err:
        return ""  # nor had it here: Python itself was starting, and none of our modules ran
    lines = err.splitlines()
    if "Traceback" in err:
        return f"a traceback:\n{err}"
    if number == signal.SIGKILL:
        return "" if code == -number else f"exit code {code}:\n{err}"
    if code != 128 + number:
        return f"exit code {code} for signal {number}:\n{err}"
    told = "interrupted; the same command with --resume continues from here"
    return "" if lines[-1:] == [told] else f"it ends with {lines[-1:]}"


def whole(command: Command, tmp_path: Path) -> float:
    """Seconds that an undisturbed training takes, in the folder `whole`."""
    started = time.monotonic()
    assert finish(command("--out", tmp_path / "whole"))[0] == 0
    return time.monotonic() - started


def survive(command: Command, tmp_path: Path, number: int, moments: Sequence[float]) -> None:
    """Send a signal at each moment; every run ends as an undisturbed one, to the byte."""
    sent = 0
    while sent < len(moments):
        folder = tmp_path / f"{number}-{sent}"
        wrong = killed(command, number, moments[sent:], folder)
        assert [each for each in wrong if each] == []
        sent += max(1, len(wrong))
        code, err = finish(command("--out", folder, "--resume"))
        assert code == 0, err
        assert "Traceback" not in err
        assert names(folder) == names(tmp_path / "whole")
        assert results(folder) == results(tmp_path / "whole")
        for name in ("last", "best"):
            file = Path(name, "weights.safetensors")
            assert (folder / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), name


def at_random(seconds: float, count: int) -> list[float]:
    """Moments from the start of the process to beyond the end of the training."""
    rng = random.Random(os.urandom(8))
    return [rng.uniform(0.0, 1.1) * seconds for _ in range(count)]


def names(folder: Path) -> list[str]:
    """Files of a run, events of TensorBoard apart: each part of a training has its own."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return sorted(name for name in found if "tfevents" not in name)


@pytest.mark.slow
def test_ctrl_c_with_processes_that_load_is_one_line_and_loses_nothing(
    warm_command: Command, tmp_path: Path
) -> None:
    seconds = whole(warm_command, tmp_path)
    moments = [share * seconds for share in MOMENTS]
    survive(warm_command, tmp_path, signal.SIGINT, moments)


@pytest.mark.minutes
@pytest.mark.slow
def test_fifty_times_ctrl_c(command: Command, tmp_path: Path) -> None:
    survive(command, tmp_path, signal.SIGINT, at_random(whole(command, tmp_path), 50))


@pytest.mark.minutes
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_every_kind_of_kill(command: Command, tmp_path: Path, number: int) -> None:
    count = int(os.environ.get("MAENAS_KILLS", "10"))
    survive(command, tmp_path, number, at_random(whole(command, tmp_path), count))


def test_the_second_writer_of_a_run_is_refused_in_one_line(
    typed: Shell, asked: tuple[object, ...]
) -> None:
    with run_lock(Path("run")):
        for option in ("--resume", "--exist-ok"):
            ran = typed(*asked, "--out", "run", option)
            assert ran.code == 2
            assert ran.err.splitlines()[-1].startswith(
                f"error: run: another process writes into it (process {os.getpid()} on "
            )
