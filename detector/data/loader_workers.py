"""Worker processes of the loader: their signals, and the message when one is lost."""

from __future__ import annotations

import re
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maenas.detector.data.dataset import DataError

SHARED_MEMORY = Path("/dev/shm")


class LoaderError(DataError):
    """A worker of the loader was lost, or cannot send its images."""


@contextmanager
def unsignalled_children() -> Iterator[None]:
    """Block Ctrl-C and the closing of the terminal for processes started in this block.

    Only the parent handles these signals, and ends the workers. The SIGCHLD handler that torch
    installs is removed: it would raise the loss of a worker anywhere in the parent, even in the
    middle of a step or while a file is written. Without the handler, the loss is raised where the
    parent waits for a batch, within five seconds.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    is_main = threading.current_thread() is threading.main_thread()
    children = signal.getsignal(signal.SIGCHLD)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        if is_main:
            signal.signal(signal.SIGCHLD, children or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def explain_lost_worker(error: Exception, workers: int) -> str | None:
    """One line that explains the loss of a worker and what to do; None for any other error.

    Args:
        error: error raised by torch's loader.
        workers: number of worker processes.
    """
    if not workers:
        return None
    text = str(error)
    fewer = "--workers 0 loads in the training process itself" + (
        f", fewer than {workers} need less" if workers > 1 else ""
    )
    if "(shm)" in text or "</torch_" in text:  # paths of torch's shared memory
        size = ""
        if SHARED_MEMORY.is_dir():
            size = f" of {shutil.disk_usage(SHARED_MEMORY).total / 1e6:,.0f} MB"
        return (
            f"loader: the shared memory ({SHARED_MEMORY}){size} is full, through which {workers} "
            f"processes hand over images; `docker run --shm-size=8g` enlarges it, {fewer}."
        )
    if "ancdata" in text or "Too many open files" in text:
        return f"loader: too many open files; `ulimit -n 65536` allows more, {fewer}."
    killed = re.search(r"worker \(pid\(?s?\)? (\d+)\) is killed by signal: ([^.]+)\.", text)
    if killed is not None:
        number, name = killed.groups()
        cause = ", as the system does when memory runs out" if name == "Killed" else ""
        return f"loader: process {number}, which loads images, ended by: {name}{cause}; {fewer}."
    exited = re.search(r"worker \(pid\(s\) ([\d, ]+)\) exited unexpectedly", text)
    if exited is not None:
        return f"loader: process {exited[1]}, which loads images, ended unexpectedly; {fewer}."
    if isinstance(error, (ConnectionError, EOFError)):  # the worker died before its batch was read
        return f"loader: a process that loads images ended unexpectedly; {fewer}."
    return None
