"""Commands that start in a process which has imported everything: tenths of a second, not seconds.

A server imports the command line and torch once and forks for each command. The child has its own
folder, environment, output files and signals, and ends as any process does; only the import at its
start is missing. One command runs at a time.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S


class WarmCommand:
    """A command that was started; the same methods as `subprocess.Popen` where tests need them.

    Attributes:
        pid: number of its process.
        returncode: exit code, negative for a signal; None while it runs.
    """

    def __init__(self, server: subprocess.Popen[str], request: Mapping[str, Any]) -> None:
        assert server.stdin is not None
        self._server = server
        self._err = Path(request["err"])
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        self.pid = int(self._line(PATIENCE_S))
        self.returncode: int | None = None

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless the process has been waited for."""
        if self.returncode is None:
            os.kill(self.pid, sig)

    def wait(self, timeout: float = PATIENCE_S) -> int:
        """The exit code.

        Raises:
            TimeoutExpired: if the command runs on.
        """
        if self.returncode is None:
            self.returncode = int(self._line(timeout))
        return self.returncode

    def communicate(self, timeout: float = PATIENCE_S) -> tuple[str, str]:
        """Wait, and what was written to stdout and stderr; only stderr is kept."""
        self.wait(timeout)
        return "", self._err.read_text()

    def _line(self, timeout: float) -> str:
        """The next line of the server, which writes a whole line or nothing."""
        assert self._server.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._server.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                raise subprocess.TimeoutExpired("maenas", timeout)
        line = self._server.stdout.readline()
        assert line, "the server has ended"
        return line


class WarmStarter:
    """Starts commands: `starter("train", ..., cwd=folder)`."""

    def __init__(self, server: subprocess.Popen[str], folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._count = 0

    def __call__(self, *arguments: object, cwd: Path) -> WarmCommand:
        self._count += 1
        err = self._folder / f"{self._count}.err"
        words = ["maenas", *map(str, arguments)]
        return WarmCommand(self._server, {"argv": words, "cwd": str(cwd), "err": str(err)})


@contextmanager
def warm_starter(folder: Path, environ: Mapping[str, str]) -> Iterator[WarmStarter]:
    """A server for the block, which keeps the output of its commands in a folder."""
    command = [sys.executable, "-m", "tests.warm_start"]
    with subprocess.Popen(
        command, env=dict(environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            yield WarmStarter(server, folder)
        finally:
            server.kill()


def serve() -> None:
    """Fork for each request on stdin, and report the number and the exit code of its process."""

    import maenas.training.run  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            become(request)
            return
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def become(request: Mapping[str, Any]) -> None:
    """Run the command in this process, as a shell would have started it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    written = os.open(request["err"], os.O_WRONLY | os.O_CREAT, 0o600)
    for source, target in ((nothing, 0), (nothing, 1), (written, 2)):
        os.dup2(source, target)
    os.chdir(request["cwd"])
    sys.argv = list(request["argv"])
    from maenas.cli.app import main_and_exit

    main_and_exit()


if __name__ == "__main__":
    serve()
