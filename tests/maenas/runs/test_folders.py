"""Folders of runs: each has one owner, however many ask at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from maenas.blocks import MaenasError
from maenas.runs.folders import RUN_FILES, made_next, require_no_run
from maenas.runs.start import new_run
from tests.patience import PATIENCE_S

ROUNDS = 100


def make_folders(start: Barrier, found: Queue[list[str]]) -> None:
    """Make a folder as soon as the other process does, again and again."""
    names = []
    for _ in range(ROUNDS):
        start.wait()
        names.append(made_next("detect").name)
    found.put(names)


def write_into_named_folders(start: Barrier, found: Queue[list[str]]) -> None:
    """Open a folder of a given name as soon as the other process does, again and again."""
    names = []
    for number in range(ROUNDS):
        start.wait()
        try:
            with new_run(Path(f"run{number}"), "detect", exist_ok=False) as folder:
                (folder / "ours").touch()
                names.append(folder.name)
        except MaenasError:
            continue  # the other process has it
    found.put(names)


def in_two_processes(work: Callable[[Barrier, Queue[list[str]]], None]) -> list[str]:
    """What the work of two processes that start together found, sorted."""
    context = multiprocessing.get_context("fork")
    start, found = context.Barrier(2), context.Queue()
    processes = [context.Process(target=work, args=(start, found)) for _ in range(2)]
    for process in processes:
        process.start()
    names = found.get(timeout=PATIENCE_S) + found.get(timeout=PATIENCE_S)
    for process in processes:
        process.join()
    return sorted(names)


def test_two_processes_never_make_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = in_two_processes(make_folders)
    assert names == sorted({"exp", *(f"exp{n}" for n in range(2, 2 * ROUNDS + 1))})


def test_a_folder_that_two_commands_name_has_one_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = in_two_processes(write_into_named_folders)
    assert names == sorted(f"run{number}" for number in range(ROUNDS))


def test_a_file_in_the_way_of_all_runs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("a file")
    with pytest.raises(MaenasError, match="runs/search/exp: cannot be created"):
        made_next("search")


def test_a_folder_of_runs_that_can_never_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link into /proc gives the error of a folder that another process removes all the time."""
    monkeypatch.chdir(tmp_path)
    Path("runs").symlink_to("/proc/runs")
    with pytest.raises(MaenasError, match="runs/search/exp: cannot be created"):
        made_next("search")


def test_a_name_that_is_too_long_for_a_folder_is_named() -> None:
    with pytest.raises(MaenasError, match="z: cannot be created: File name too long"):
        new_run("z" * 300, "data", None).__enter__()


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_detector_is_not_written_beside_a_run(name: str, tmp_path: Path) -> None:
    require_no_run(tmp_path)
    (tmp_path / name).write_text("")
    with pytest.raises(MaenasError, match=rf"holds a run \({name}\)"):
        require_no_run(tmp_path)


def test_every_command_with_runs_has_a_file_that_tells_them() -> None:
    assert {"portfolio.yaml", "judge.yaml", "race.yaml", "family.yaml"} < set(RUN_FILES)
