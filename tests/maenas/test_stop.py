"""A signal ends every command in one line, with the exit code of a shell."""

from __future__ import annotations

import os
import signal
import time

import pytest
import typer

from maenas.cli.everywhere import everywhere
from maenas.cli.stop import interrupted

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
    pytest.mark.usefixtures("usual_signals"),
]


def stopped() -> None:
    """A command that receives a signal."""
    os.kill(os.getpid(), SENT["number"])
    time.sleep(0.05)


def keeping() -> None:
    """A command that keeps something when it is stopped."""
    with interrupted("half of it is kept"):
        stopped()


SENT = {"number": signal.SIGTERM}


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize(
    ("command", "line"), [(stopped, "interrupted"), (keeping, "interrupted; half of it is kept")]
)
def test_a_signal_ends_a_command_in_one_line(monkeypatch, capsys, command, line, number, code):
    monkeypatch.setitem(SENT, "number", number)
    with pytest.raises(typer.Exit) as ended:
        everywhere(command)()
    assert ended.value.exit_code == code
    assert capsys.readouterr().err == f"{line}\n"
