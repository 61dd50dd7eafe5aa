"""Progress: one live line on a terminal, plain lines elsewhere."""

import fcntl
import logging
import os
import pty
import re
import struct
import sys
import termios
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from maenas.terminal import progress
from maenas.terminal.log import printed
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
    assert re.search(
        r"/40,000 candidates, \d+:\d\d left, best 2\d\d\.\d{3} at 0\.\d{3} GMACs", shown
    )
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
        "train: 450/1,000 steps, 0:55 left, well",  # 40 in 4 s
        "train: 500/1,000 steps, 0:50 left, well",
        "train: 1,000/1,000 steps, 0:00 left, well",
    ]


@pytest.mark.usefixtures("printed_records")
def test_rate_and_time_left_leave_out_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    with progress.Counter("detect", 64, "images", every_s=0) as counter:
        for seconds in (5.5, 0.5, 0.5, 0.5):  # the first includes loading
            clock.now += seconds
            counter.advance()
    assert capsys.readouterr().err.splitlines() == [
        "detect: 1/64 images",
        "detect: 2/64 images",
        "detect: 3/64 images",
        "detect: 4/64 images, 0:30 left, 2.0/s",
    ]


@pytest.mark.usefixtures("printed_records")
def test_the_last_parts_are_left_out_of_a_narrow_line_unless_all_is_asked_for() -> None:
    parts = ("219/1,000 steps", "", "30:54 left", "loss 1.107")
    assert progress.fitted(parts, 39) == "219/1,000 steps, 30:54 left, loss 1.107"
    assert progress.fitted(parts, 38) == "219/1,000 steps, 30:54 left"
    assert progress.fitted(parts, 5) == "219/1,000 steps"
    with printed(logging.DEBUG):
        assert progress.fitted(parts, 5) == "219/1,000 steps, 30:54 left, loss 1.107"


def test_a_live_line_is_one_line_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    written = StringIO()
    console = Console(file=written, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(progress, "ERR", console)
    monkeypatch.setattr(progress, "is_printed", lambda level=logging.INFO: level == logging.INFO)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.LiveLine("train") as line:
        line.write(0.2, "epoch 5/20", "219/1,000 steps", "30:54 left", "loss 1.107", "4.7 images/s",
                   "8% waiting for data")  # fmt: skip
        line._progress.refresh()
    lines = [
        text for text in re.split(r"[\r\n]|\x1b\[[0-9;?]*[A-Za-z]", written.getvalue()) if text
    ]
    (shown,) = {text.strip() for text in lines if "epoch" in text}
    assert shown.startswith("train ━")
    assert shown.endswith("epoch 5/20, 219/1,000 steps, 30:54 left, loss 1.107, 4.7 images/s")
    assert len(shown) <= 80


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.7, "1:00"), (3599, "59:59"), (36_061, "10:01:01")]
)
def test_a_clock_shows_hours_where_there_are_some(seconds: float, text: str) -> None:
    assert progress.clock(seconds) == text
