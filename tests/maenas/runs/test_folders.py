"""Folders of runs: each has one owner, however many ask at once."""

from __future__ import annotations

import multiprocessing
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from maenas.blocks import MaenasError
from maenas.runs.folders import claim, locked_run, new_run
from maenas.runs.run_lock import RunBusyError

ROUNDS = 100


def claims(start: Barrier, found: Queue[list[str]]) -> None:
    """Claim a folder as soon as the other process does, again and again."""
    names = []
    for _ in range(ROUNDS):
        start.wait()
        names.append(claim(None, "detect", exist_ok=False).name)
    found.put(names)


def test_two_processes_never_claim_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    context = multiprocessing.get_context("fork")
    start, found = context.Barrier(2), context.Queue()
    processes = [context.Process(target=claims, args=(start, found)) for _ in range(2)]
    for process in processes:
        process.start()
    names = found.get(timeout=60) + found.get(timeout=60)
    for process in processes:
        process.join()
    assert sorted(names) == sorted({"exp", *(f"exp{n}" for n in range(2, 2 * ROUNDS + 1))})


def test_a_folder_in_which_a_kill_left_temporaries_is_free(tmp_path: Path) -> None:
    (tmp_path / ".maenas-tmp-1").write_text("half")
    assert claim(tmp_path, "detect", exist_ok=False) == tmp_path


def test_a_folder_that_holds_something_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(MaenasError, match="is not empty; --exist-ok"):
        claim(tmp_path, "detect", exist_ok=False)


def test_a_file_in_the_way_of_all_runs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("a file")
    with pytest.raises(MaenasError, match="runs/search/exp: cannot be created"):
        new_run("search")


def test_a_run_that_leaves_nothing_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with locked_run(None, "search", resume=False) as folder:
        assert folder == Path("runs/search/exp")
    assert not folder.exists()


def test_a_resumed_run_has_one_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with locked_run(None, "search", resume=False) as folder:
        (folder / "config.yaml").write_text("begun")
        with pytest.raises(RunBusyError):
            locked_run(None, "search", resume=True).__enter__()
