"""Progress: one live line on a terminal, plain lines elsewhere."""

import fcntl
import os
import pty
import re
import struct
import termios
from types import SimpleNamespace

import pytest

from maenas.terminal import progress
from tests.patience import PATIENCE_S


@pytest.fixture
def shown(start, small, tmp_path):
    """What a search writes to a terminal of 80 columns, escape sequences left out."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    options = ("--evaluations", "40000")
    process = start(*small, *options, cwd=tmp_path, environ={"TERM": "xterm"}, stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # how Linux says that nobody writes any more
        pass
    os.close(ours)
    assert process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    return " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", written.decode()).split())


@pytest.mark.slow
def test_the_live_line_says_how_fast_how_good_and_how_dear(shown):
    assert shown.startswith("small/t ━")
    last = shown[shown.rindex("/s, best") :]
    assert re.match(r"/s, best 2\d\d\.\d{3} at 0\.\d{3} GMACs of ", last)
    assert re.search(r"[0-9,]+ accepted, [0-9,]+ rejected", last)
    assert "…" not in shown


@pytest.mark.usefixtures("printed_records")
def test_plain_lines_say_what_is_left_from_where_a_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    with progress.ItemLine("train", 1000, "steps", done=400, every_s=5) as line:
        for done, seconds in ((410, 1), (450, 4), (500, 5), (1000, 1)):
            clock.now += seconds
            line.show(done, "well")
    assert capsys.readouterr().err.splitlines() == [
        "train: 450/1,000 steps, well, 0:55 left",  # 50 in 5 s
        "train: 500/1,000 steps, well, 0:50 left",
        "train: 1,000/1,000 steps, well, 0:00 left",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.7, "1:00"), (3599, "59:59"), (36_061, "10:01:01")]
)
def test_a_clock_shows_hours_where_there_are_some(seconds: float, text: str) -> None:
    assert progress.clock(seconds) == text
