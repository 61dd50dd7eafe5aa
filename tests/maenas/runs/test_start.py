"""A run has begun, or nothing has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from maenas.blocks import MaenasError
from maenas.runs.start import (
    START_FILE,
    is_unstarted,
    mark_begun,
    mark_start,
    new_run,
    resumed_run,
)
from tests.patience import PATIENCE_S


def has_state(folder: Path) -> bool:
    return (folder / "state").exists()


def test_a_folder_left_by_a_killed_start_is_begun_anew_by_every_command(tmp_path: Path) -> None:
    mark_start(tmp_path)
    (tmp_path / "config.yaml").touch()
    (tmp_path / ".maenas-tmp-abc").touch()
    assert is_unstarted(tmp_path)
    with new_run(tmp_path, "train", exist_ok=False) as folder:
        assert folder == tmp_path
    with resumed_run(tmp_path, "train", has_state):
        mark_begun(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    assert not is_unstarted(tmp_path)


def test_a_start_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(MaenasError, match="the data"), new_run(tmp_path / "run", "train", False):
        raise MaenasError("the data are wrong")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_leaves_nothing_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with new_run(None, "search", exist_ok=False) as folder:
        assert folder == Path("runs/search/exp")
    with resumed_run(None, "search", has_state) as folder:
        assert folder == Path("runs/search/exp")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_a_kill_left_temporaries_is_free(tmp_path: Path) -> None:
    (tmp_path / ".maenas-tmp-1").write_text("half")
    with new_run(tmp_path, "detect", exist_ok=False) as folder:
        assert folder == tmp_path


def test_a_run_that_is_there_is_neither_overwritten_nor_taken_for_another(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(MaenasError, match=r"is not empty; --resume continues .* --exist-ok"):
        new_run(tmp_path, "train", exist_ok=False, can_resume=True).__enter__()
    with pytest.raises(MaenasError, match=r"is not empty; --exist-ok writes"):
        new_run(tmp_path, "detect", exist_ok=False).__enter__()
    with pytest.raises(MaenasError, match=r"is not empty; --out names"):
        new_run(tmp_path, "detect", exist_ok=None).__enter__()
    with pytest.raises(MaenasError, match=r"holds no run to continue, but thesis\.tex; --out"):
        resumed_run(tmp_path, "train", has_state).__enter__()
    (tmp_path / "state").touch()
    with resumed_run(tmp_path, "train", has_state), pytest.raises(MaenasError, match="another"):
        resumed_run(tmp_path, "train", has_state).__enter__()
    assert not (tmp_path / START_FILE).exists()


def test_a_run_of_another_command_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(MaenasError, match=r"is the run of `maenas search`, which continues it"):
        resumed_run(tmp_path, "race", lambda _: False).__enter__()
    (tmp_path / "searches.yaml").touch()
    (tmp_path / "portfolio.yaml").touch()
    with pytest.raises(MaenasError, match=r"is the run of `maenas search --portfolio`, which"):
        resumed_run(tmp_path, "train", lambda _: False).__enter__()


def test_resuming_takes_the_last_run_and_the_first_name_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with resumed_run(None, "train", has_state) as folder:
        assert folder == Path("runs/train/exp")
    for name in ("exp2", "exp10"):
        (tmp_path / "runs" / "train" / name).mkdir(parents=True)
    with resumed_run(None, "train", has_state) as folder:
        assert folder == Path("runs/train/exp10")


def test_of_commands_that_start_together_each_has_a_folder_of_its_own(tmp_path: Path) -> None:
    code = (
        "from maenas.runs.start import new_run\n"
        "for _ in range(20):\n"
        "    with new_run(None, 'search', False) as folder:\n"
        "        with open(folder / 'ours', 'x'):\n"
        "            print(folder)\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=PATIENCE_S)[0].split() for process in started]
    names = [name for names in said for name in names]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(set(names)) == len(names) == 60
