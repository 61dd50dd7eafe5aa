"""A lock so that one process at a time writes into a run; it ends with that process."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from maenas.blocks import MaenasError
from maenas.blocks.files.temporary import is_temporary, sweep_temporaries

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_FILE = ".lock"
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # some network file systems
BEYOND = 1 << 30  # the byte that Windows locks, so that others can still read who holds the lock
TRIES = 1000  # of making a folder that other processes may remove; they take some milliseconds
_held: set[int] = set()  # descriptors of the locks that this process holds
# Folders in a run that are written by the process that holds its lock; others may be runs.
PARTS = ("best", "last", "predictions", "pareto")


class RunBusyError(MaenasError):
    """Another process writes into the run."""


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Lock the folder of a run, so that only this process writes into it inside the block.

    A missing folder is made, and removed again if the block leaves it empty. Temporary files of a
    killed process are removed, also from the `PARTS` of the run, because no other process can be
    writing them.

    Args:
        folder: folder of the run.
    Raises:
        RunBusyError: if another process holds the lock.
        MaenasError: if the folder cannot be made or written.
    """
    is_ours = not os.path.exists(folder)
    try:
        with _locked(folder / LOCK_FILE, folder, "--out names another folder"):
            for part in (folder, *(folder / name for name in PARTS)):
                if part.is_dir():
                    sweep_temporaries(part)
            yield
    finally:
        if is_ours:
            with suppress(OSError):  # the folder is not empty
                folder.rmdir()


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Lock a file, such as a table, so that only this process writes it inside the block.

    A folder that was made for it is removed again if the block leaves nothing in it.

    Args:
        path: path of the file; its folder is made if it is missing.
    Raises:
        RunBusyError: if another process holds the lock.
        MaenasError: if its folder cannot be made or written.
    """
    is_ours = not os.path.exists(path.parent)
    try:
        with _locked(path.with_name(f".{path.name}.lock"), path, "--out names another file"):
            yield
    finally:
        if is_ours:
            with suppress(OSError):  # it holds something
                path.parent.rmdir()


def contents(folder: Path) -> list[Path]:
    """Paths of the folder's entries, sorted by name, without its lock and temporary files."""
    return sorted(
        path for path in folder.iterdir() if path.name != LOCK_FILE and not is_temporary(path.name)
    )


@contextmanager
def _locked(lock: Path, what: Path, remedy: str) -> Iterator[None]:
    """Hold a lock file inside the block and remove it at the end."""
    descriptor = _opened(lock, what, remedy)
    _held.add(descriptor)
    try:
        yield
    finally:
        if descriptor in _held:  # false in a forked child
            with suppress(OSError):
                lock.unlink()  # before the lock is released, so that it is ours
            _held.discard(descriptor)
            os.close(descriptor)


def _opened(lock: Path, what: Path, remedy: str) -> int:
    """Open and lock a lock file; the descriptor."""
    for tries_left in reversed(range(TRIES)):
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            if tries_left and was_removed(error, lock):
                continue
            missing = what if os.path.isdir(lock.parent) else lock.parent
            raise MaenasError(f"{missing}: cannot be created: {error.strerror or error}.") from None
        try:
            if not _try_lock(descriptor):
                raise RunBusyError(
                    f"{what}: another process writes into it{_holder(descriptor)}; wait until it "
                    f"has ended, or {remedy}."
                )
            if _is_current(descriptor, lock):
                _sign(descriptor)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder removed it between our opening and locking it
    raise RunBusyError(f"{what}: other processes lock and release it all the time; {remedy}.")


def was_removed(error: OSError, path: Path) -> bool:
    """Whether another process removed its empty folder while this one made the same folder.

    `mkdir` then reports that the folder exists, because it no longer is one when it looks. A folder
    that cannot be made, such as one in `/proc`, gives the same error, so tries are limited to
    `TRIES`.

    Args:
        error: error of making the path or one of its folders.
        path: path to make.
    """
    if isinstance(error, FileNotFoundError):
        return True
    return isinstance(error, FileExistsError) and not any(
        os.path.lexists(each) and not each.is_dir() for each in (path, *path.parents)
    )


def _try_lock(descriptor: int) -> bool:
    """Try to take the lock; whether it is ours. True if the file system has no locks."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, BEYOND, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in WITHOUT_LOCKS
    return True


def _is_current(descriptor: int, lock: Path) -> bool:
    """Whether the path still names the locked file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(lock))
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    """Write the lock's holder for the messages of other processes; an error is ignored."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())


def _holder(descriptor: int) -> str:
    """The lock's holder in parentheses; empty if it is not written yet."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    words = os.read(descriptor, 300).decode("utf-8", errors="replace").split()
    return f" ({' '.join(words)})" if words else ""


def _close_in_child() -> None:
    """Close the locks in a forked worker, so that it does not keep those of a killed parent."""
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
