"""Watch over the local raylet: Ray ends a process that has lost its raylet, without an error."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PROCESSES = Path("/proc")
OPTION = "--raylet_socket_name="  # option that only a raylet's command line has
EXIT_CODE = 2
GONE = (
    "error: ray: the cluster is gone (its raylet on this machine has ended); the same command "
    "with --resume continues, on another cluster or without one."
)


@contextmanager
def raylet_watched(ray: Any) -> Iterator[None]:
    """End this process with one line and exit code 2 as soon as the local raylet is lost.

    Ray's C++ code would end it at the next call, with exit code 1 and a line of its log. A raylet
    also ends when its agent is killed. There is no watch on systems without `pidfd_open`, and none
    with ray://, where the raylet belongs to the server.
    """
    node = getattr(ray._private.worker, "_global_node", None)
    pid = None if node is None else raylet_pid(node.raylet_socket_name)
    if pid is None or not hasattr(os, "pidfd_open"):
        yield
        return
    process = os.pidfd_open(pid)
    stopped, stop = os.pipe()
    watcher = threading.Thread(target=_watch, args=(process, stopped), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        os.write(stop, b".")
        watcher.join()
        for descriptor in (process, stopped, stop):
            os.close(descriptor)


def raylet_pid(socket_name: str) -> int | None:
    """Return the process id of the raylet with this socket; None if it cannot be found."""
    wanted = f"{OPTION}{socket_name}".encode()
    for folder in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # the process has ended, or belongs to another user
            if wanted in (folder / "cmdline").read_bytes().split(b"\0"):
                return int(folder.name)
    return None


def _watch(process: int, stopped: int) -> None:
    """Wait until the process ends, or until `stopped` reports that the watch is over."""
    poller = select.poll()
    for descriptor in (process, stopped):
        poller.register(descriptor, select.POLLIN)
    ended = {descriptor for descriptor, _ in poller.poll()}
    if stopped in ended:
        return
    with suppress(OSError):  # not logged: this is the last word of a process, also of a user's own
        print(GONE, file=sys.stderr, flush=True)
        sys.stdout.flush()
    os._exit(EXIT_CODE)
