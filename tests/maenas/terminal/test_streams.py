"""Streams that cannot be written end a command in one line, never in a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.maenas.conftest import environment
from tests.patience import PATIENCE_S

FULL = Path("/dev/full")
COMMANDS = ("zoo", "zoo --json", "--help", "--version", "show zoo:damo-yolo-s", "tables")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of sh with `maenas` for the command."""
    script = line.replace("maenas", f"{sys.executable} -m maenas", 1)
    return subprocess.run(
        ["sh", "-c", script],
        cwd=cwd,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.mark.slow
@needs_full
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_under_stdout_is_one_line(command: str, tmp_path: Path) -> None:
    done = shell(f"maenas {command} > /dev/full", tmp_path)
    assert done.stderr == "error: stdout: cannot be written: No space left on device.\n"
    assert done.returncode == 2


def test_a_closed_stdout_is_quiet(tmp_path: Path) -> None:
    done = shell("maenas zoo --json >&-", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@needs_full
@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_notes_that_cannot_be_written_are_left_out(stderr: str, tmp_path: Path) -> None:
    assert shell(f"maenas show nothing {stderr}", tmp_path).returncode == 2
    done = shell(f"maenas show zoo:damo-yolo-s --json {stderr}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


@pytest.mark.slow
def test_a_closed_stream_takes_no_number_of_a_file(tmp_path: Path) -> None:
    """Else what is printed ends up in the first file that is opened."""
    command = "maenas build-detector zoo:damo-yolo-ns --out detector >&- 2>&- <&-"
    assert shell(command, tmp_path).returncode == 0
    spec = (tmp_path / "detector" / "detector.yaml").read_text()
    assert shell("maenas build-detector zoo:damo-yolo-ns --out other", tmp_path).returncode == 0
    assert spec == (tmp_path / "other" / "detector.yaml").read_text()
