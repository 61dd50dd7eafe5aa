"""A training that is killed or interrupted at random moments, in one fixed command retried."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.runs.run_lock import run_lock
from tests.small_detector import small_spec
from tests.trainings import write_data

Start = Callable[..., "subprocess.Popen[str]"]
EPOCHS = 3
DEADLINE_S = 300.0
SETTINGS = (
    *("--epochs", EPOCHS, "--compute", "cpu", "--workers", 2, "--set", "compute.batch=2"),
    *("--set", "batch=2", "--set", "min_steps=1"),
)
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("given")
    write_data(folder / "data", images=16)
    torch.manual_seed(0)
    spec = small_spec("stretch")
    save_folder(folder / "start", spec, spec.build().state_dict())
    return folder


def heed_signals() -> None:
    """A background shell has its jobs ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def command(start: Start, given: Path, tmp_path: Path) -> Start:
    """Starts the training, as often as need be."""

    def run(*options: object) -> subprocess.Popen[str]:
        asked = ("train", given / "start", "--data", given / "data" / "data.yaml", *SETTINGS)
        return start(*asked, *options, cwd=tmp_path, environ=ONE_THREAD, before=heed_signals)

    return run


def results(folder: Path) -> list[dict[str, str]]:
    """The table of a run, without the time that its epochs took."""
    with (folder / "results.csv").open() as file:
        return [{**row, "train_s": ""} for row in csv.DictReader(file)]


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and what was written to stderr."""
    err = process.communicate(timeout=DEADLINE_S)[1]
    return process.returncode, err


def killed_at_random(
    command: Start, seconds: float, number: int, count: int, folder: Path
) -> list[str]:
    """Retry the command and send a signal after a random time until `count` were sent.

    Returns:
        What was wrong with the end of each, "" where nothing was.
    """
    rng = random.Random(os.urandom(8))
    wrong: list[str] = []
    while len(wrong) < count:
        process = command("--out", folder, "--resume")
        try:
            process.wait(timeout=rng.uniform(0.1, 1.1) * seconds)
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
    lines = err.splitlines()
    if "Traceback" in err:
        return f"a traceback:\n{err}"
    if number == signal.SIGKILL:
        return "" if code == -number else f"exit code {code}:\n{err}"
    if code != 128 + number:
        return f"exit code {code} for signal {number}:\n{err}"
    told = "interrupted; the same command with --resume goes on from here"
    return "" if lines[-1:] == [told] else f"it ends with {lines[-1:]}"


def survive(command: Start, tmp_path: Path, numbers: list[int], count: int) -> None:
    """Send so many signals of each kind; every run ends as an undisturbed one, to the byte."""
    started = time.monotonic()
    assert finish(command("--out", tmp_path / "whole"))[0] == 0
    seconds = time.monotonic() - started
    for number in numbers:
        sent = 0
        while sent < count:
            folder = tmp_path / f"{number}-{sent}"
            wrong = killed_at_random(command, seconds, number, count - sent, folder)
            assert [each for each in wrong if each] == []
            sent += len(wrong)
            code, err = finish(command("--out", folder, "--resume"))
            assert (code, "Traceback" in err) == (0, False), err
            assert names(folder) == names(tmp_path / "whole")
            assert results(folder) == results(tmp_path / "whole")
            for name in ("last", "best"):
                ours, whole = (
                    (each / name / "weights.safetensors").read_bytes()
                    for each in (folder, tmp_path / "whole")
                )
                assert ours == whole, name


def names(folder: Path) -> list[str]:
    """Files of a run, events of TensorBoard apart: each part of a training has its own."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return sorted(name for name in found if "tfevents" not in name)


def test_ctrl_c_with_processes_that_load_is_one_line_and_loses_nothing(
    command: Start, tmp_path: Path
) -> None:
    survive(command, tmp_path, [signal.SIGINT], 5)


@pytest.mark.slow
def test_fifty_times_ctrl_c(command: Start, tmp_path: Path) -> None:
    survive(command, tmp_path, [signal.SIGINT], 50)


@pytest.mark.slow
def test_every_kind_of_kill(command: Start, tmp_path: Path) -> None:
    kinds = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
    survive(command, tmp_path, kinds, int(os.environ.get("MAENAS_KILLS", "10")))


def test_the_second_writer_of_a_run_is_refused_in_one_line(command: Start, tmp_path: Path) -> None:
    with run_lock(tmp_path / "run"):
        for option in ("--resume", "--exist-ok"):
            code, err = finish(command("--out", "run", option))
            assert code == 2
            assert err.splitlines()[-1].startswith(
                f"error: run: another process writes into it (process {os.getpid()} on "
            )
