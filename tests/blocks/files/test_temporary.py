"""Temporaries that a kill left behind are recognised and swept; nothing else is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from maenas.blocks import SpecError
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.temporary import is_temporary, sweep_temporaries, temporary_folder

WRITER = """\
import os, signal, sys
from pathlib import Path
from maenas.blocks.files.temporary import temporary_file, temporary_folder
folder = Path(sys.argv[1])
temporary_file(folder)
with temporary_folder(folder) as inner:
    (inner / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mine")
    (tmp_path / ".mine.yaml.tmp").write_text("mine")
    subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], check=False)
    assert sum(is_temporary(path.name) for path in tmp_path.iterdir()) == 2
    sweep_temporaries(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.yaml.tmp", "mine.yaml"]


def test_a_temporary_folder_goes_with_all_that_it_holds(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as folder:
        (folder / "a").mkdir()
        (folder / "a" / "b").write_text("")
    assert list(tmp_path.iterdir()) == []


def test_a_link_of_that_name_is_removed_without_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    (tmp_path / "run" / ".maenas-tmp-x").symlink_to(tmp_path / "mine")
    sweep_temporaries(tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []
    assert (tmp_path / "mine" / "file").read_text() == "mine"


def test_a_file_with_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_text(path, "whole")
    assert path.read_text() == "whole"
    assert [*tmp_path.iterdir()] == [path]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(SpecError, match="taken: cannot be written"):
        write_text(tmp_path / "taken", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
