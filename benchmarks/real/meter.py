"""Run a command and count its processor time, also over several sessions of a long training."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from maenas.blocks import MaenasError

POLL_S = 5.0
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


class BusyError(MaenasError):
    """Another process works in the folder."""


def run_metered(
    words: Sequence[object], folder: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run a command on one thread; its output goes to `log.txt`, its seconds to `minutes.json`.

    The seconds are written every few seconds, so an interrupted training loses none. SIGTERM ends
    the command first. The command holds a lock on the folder as long as it lives.

    Args:
        words: the command and its arguments.
        folder: folder of the training; exists afterwards.
        environment: variables to add to those of this process.
    Raises:
        CalledProcessError: if the command fails; its `stderr` is the log.
        BusyError: if a command still works in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spent = sessions(folder)
    with (folder / "lock").open("w") as lock, (folder / "log.txt").open("ab") as log:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"{folder}: another process trains here.") from None
        child = subprocess.Popen(
            [str(word) for word in words],
            stdout=log,
            stderr=log,
            env={**os.environ, **ONE_THREAD, **(environment or {})},
            pass_fds=[lock.fileno()],
        )

        def stop(_number: int, _frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGTERM, stop)
        try:
            while child.poll() is None:
                _write(folder, [*spent, _processor_s(child.pid)])
                time.sleep(POLL_S)
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
            signal.signal(signal.SIGTERM, before)  # a second signal must not leave the child alone
    if child.returncode:
        text = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")
        raise subprocess.CalledProcessError(child.returncode, [*map(str, words)], stderr=text)


def sessions(folder: Path) -> list[float]:
    """Processor seconds of each session of a training so far."""
    path = folder / "minutes.json"
    if not path.exists():
        return []
    return [float(each) for each in json.loads(path.read_text(encoding="utf-8"))]


def _write(folder: Path, seconds: Sequence[float]) -> None:
    part = folder / "minutes.json.part"
    part.write_text(json.dumps([round(each, 1) for each in seconds]), encoding="utf-8")
    part.replace(folder / "minutes.json")


def _processor_s(pid: int) -> float:
    """Processor seconds of a process and of its children that have ended; 0 once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(fields[at]) for at in (11, 12, 13, 14)) / os.sysconf("SC_CLK_TCK")
