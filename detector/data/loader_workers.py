"""Worker processes of the loader: batches through them, signals, the message for a lost one."""

from __future__ import annotations

import gc
import re
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from maenas.detector.data.batch import Batch
from maenas.detector.data.dataset import DataError

SHARED_MEMORY = Path("/dev/shm")


class LoaderError(DataError):
    """A worker of the loader was lost, or cannot send its images."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Error message of a worker in place of a batch; a raised error would print its traceback."""

    message: str


def torch_loader(
    source: TorchDataset[Batch | Failure],
    workers: int,
    pin: bool,
    order: Iterable[Any],
) -> DataLoader[Batch | Failure]:
    """torch's loader of a source whose items are whole batches.

    Args:
        source: batches by their keys.
        workers: number of worker processes, which live as long as the loader; 0 loads in this
            process.
        pin: whether to put batches in pinned memory.
        order: keys of the batches; each iteration reads it again.
    """
    return DataLoader(
        _Shared(source) if workers else source,
        batch_size=None,
        sampler=order,
        num_workers=workers,
        pin_memory=pin,
        prefetch_factor=2 if workers else None,
        worker_init_fn=_alone if workers else None,
        persistent_workers=workers > 0,
        generator=torch.Generator(),  # keeps torch's global generator unchanged
    )


def batches_of(loader: DataLoader[Batch | Failure], workers: int) -> Iterator[Batch]:
    """The batches of torch's loader.

    Raises:
        LoaderError: if a worker is lost.
        DataError: if a batch cannot be made.
    """
    try:
        with unsignalled_children():
            batches = iter(loader)
        for made in batches:
            if isinstance(made, Failure):
                raise DataError(made.message)
            yield made
    except (RuntimeError, OSError, EOFError) as error:
        explained = explain_lost_worker(error, workers)
        if explained is None:
            raise
        raise LoaderError(explained) from None


class _Shared(TorchDataset["Batch | Failure"]):
    """A source in a worker, which moves its batches to shared memory before they are sent.

    Otherwise torch's sending thread moves them. That thread only prints an error, such as too
    little shared memory, and the training then waits forever.
    """

    def __init__(self, source: TorchDataset[Batch | Failure]) -> None:
        self._source = source

    def __getitem__(self, key: Any) -> Batch | Failure:
        made = self._source[key]
        if isinstance(made, Batch):
            made.share_memory()
        return made


def _alone(worker: int) -> None:
    """Set up a worker: one thread, since each core has a worker, and no reaction to Ctrl-C.

    Garbage of the process that it is a copy of stays: a video decoder, for instance, waits for
    ever for its threads, which the copy does not have.
    """
    gc.freeze()
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


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
