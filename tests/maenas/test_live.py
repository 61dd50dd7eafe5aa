"""Progress on a terminal: one live line that says how a search fares."""

import fcntl
import os
import pty
import re
import struct
import termios

import pytest


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
    assert process.communicate(timeout=60) and process.returncode == 0
    return " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", " ", written.decode()).split())


def test_the_live_line_says_how_fast_how_good_and_how_dear(shown):
    assert shown.startswith("small/t ━")
    last = shown[shown.rindex("/s, best") :]
    assert re.match(r"/s, best 2\d\d\.\d{3} at 0\.\d{3} GMACs of ", last)
    assert re.search(r"[0-9,]+ accepted, [0-9,]+ rejected", last)
    assert "…" not in shown
