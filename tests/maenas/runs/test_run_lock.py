"""One writer for each run, whatever becomes of the one before."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from maenas.blocks import MaenasError
from maenas.blocks.files.temporary import temporary_file
from maenas.runs.folders import made_next
from maenas.runs.run_lock import (
    LOCK_FILE,
    PARTS,
    RunBusyError,
    contents,
    file_lock,
    run_lock,
)
from tests.patience import PATIENCE_S

HOLD = """
import sys, time
from pathlib import Path
from maenas.runs.run_lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
# A worker that outlives the holder, as those of a data loader do for some seconds.
HOLD_WITH_CHILD = """
import multiprocessing, os, sys, time
from pathlib import Path
from maenas.runs.run_lock import run_lock
def work():
    print(os.getpid(), flush=True)  # told by the worker, once it has begun
    time.sleep(600)
with run_lock(Path(sys.argv[1])):
    multiprocessing.get_context("fork").Process(target=work).start()
    time.sleep(600)
"""
TAKE_TURNS = """
import sys, time
from pathlib import Path
from maenas.runs.run_lock import RunBusyError, run_lock
folder, held = Path(sys.argv[1]), 0
while held < 50:
    try:
        with run_lock(folder):
            with open(folder / "writers", "x"):
                pass
            (folder / "writers").unlink()
            held += 1
    except RunBusyError:
        pass
"""


@contextmanager
def holder(folder: Path, code: str = HOLD) -> Iterator[tuple[int, str]]:
    """A process that holds the lock, killed at the end: its number, and what it says."""
    arguments = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.pid, process.stdout.readline().strip()
        finally:
            process.kill()


def test_the_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    with holder(tmp_path / "run") as (number, _), pytest.raises(RunBusyError) as error:
        run_lock(tmp_path / "run").__enter__()
    told = str(error.value)
    assert told.startswith(f"{tmp_path / 'run'}: another process writes into it (process ")
    assert f"process {number} on {os.uname().nodename}); wait until it has ended" in told


def test_a_killed_writer_holds_nothing_though_its_workers_live(tmp_path: Path) -> None:
    with holder(tmp_path / "run", HOLD_WITH_CHILD) as (_, child):
        pass
    try:
        os.kill(int(child), 0)  # it lives
        with run_lock(tmp_path / "run"):
            pass
    finally:
        os.kill(int(child), signal.SIGKILL)


def test_two_locks_of_one_process_exclude_each_other(tmp_path: Path) -> None:
    with run_lock(tmp_path), pytest.raises(RunBusyError), run_lock(tmp_path):
        pass


def test_never_two_at_once_though_the_file_comes_and_goes(tmp_path: Path) -> None:
    turns = [
        subprocess.Popen([sys.executable, "-c", TAKE_TURNS, str(tmp_path / "run")])
        for _ in range(3)
    ]
    assert [process.wait(timeout=PATIENCE_S) for process in turns] == [0, 0, 0]


def test_a_folder_that_is_removed_while_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pathlib does if the folder exists when it makes it, and not when it looks."""
    errors = [FileExistsError(errno.EEXIST, "File exists"), FileNotFoundError(errno.ENOENT, "none")]
    make = Path.mkdir

    def mkdir(self: Path, *options: Any, **more: Any) -> None:
        if errors:
            raise errors.pop()
        make(self, *options, **more)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with run_lock(tmp_path / "run"):
        assert (tmp_path / "run" / LOCK_FILE).exists()
    errors += [FileExistsError(errno.EEXIST, "File exists"), FileNotFoundError(errno.ENOENT, "no")]
    monkeypatch.chdir(tmp_path)
    assert made_next("search") == Path("runs/search/exp")


def test_the_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    with run_lock(tmp_path / "a" / "run"):
        assert (tmp_path / "a" / "run" / LOCK_FILE).exists()
    assert not (tmp_path / "a" / "run").exists()
    with run_lock(tmp_path / "run"):
        (tmp_path / "run" / "best.yaml").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["best.yaml"]


def test_temporary_files_of_a_killed_writer_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".maenas-tmp-a8d_3x", "notes.tmp", ".hidden", LOCK_FILE):
        (tmp_path / name).touch()
    assert [path.name for path in contents(tmp_path)] == [".hidden", "notes.tmp"]
    with run_lock(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            ".hidden",
            LOCK_FILE,
            "notes.tmp",
        ]


def test_a_file_has_one_writer_too(tmp_path: Path) -> None:
    table = tmp_path / "cpu.json"
    with file_lock(table):
        with pytest.raises(RunBusyError, match=r"cpu\.json: another process .*another file"):
            file_lock(table).__enter__()
        with file_lock(tmp_path / "gpu.json"):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(MaenasError, match="cannot be"), run_lock(tmp_path / "run"):
        pass


def test_a_file_in_the_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(MaenasError, match="run: cannot be created: File exists"):
        run_lock(tmp_path / "run").__enter__()


@pytest.mark.parametrize("name", ["/proc/run", "z" * 300])
def test_a_folder_that_can_never_be_made_is_one_line(name: str) -> None:
    """A folder in /proc gives the error of one that another process removes all the time."""
    with pytest.raises(MaenasError, match="cannot be created"):
        run_lock(Path(name)).__enter__()
    with pytest.raises(MaenasError, match="cannot be created"):
        file_lock(Path(name) / "cpu.json").__enter__()


def test_a_lock_file_that_is_removed_all_the_time_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maenas.runs.run_lock._is_current", lambda descriptor, lock: False)
    with pytest.raises(RunBusyError, match="lock and release it all the time"):
        run_lock(tmp_path).__enter__()


def test_a_forked_child_that_ends_normally_leaves_the_lock_alone(tmp_path: Path) -> None:
    with run_lock(tmp_path):
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(0,))
        child.start()
        child.join()
        with pytest.raises(RunBusyError):
            run_lock(tmp_path).__enter__()


@pytest.mark.parametrize("part", PARTS)
def test_temporary_files_in_a_part_of_the_run_are_removed_too(part: str, tmp_path: Path) -> None:
    other = tmp_path / "run" / "other-run"
    for folder in (tmp_path / "run" / part, other):
        folder.mkdir(parents=True)
        os.close(temporary_file(folder)[0])
        (folder / "kept").touch()
    with run_lock(tmp_path / "run"):
        assert [path.name for path in (tmp_path / "run" / part).iterdir()] == ["kept"]
        assert len(list(other.iterdir())) == 2  # another process may be writing there
