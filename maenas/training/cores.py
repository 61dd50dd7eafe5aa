"""The share of a machine's cores that a process of a training uses."""

from __future__ import annotations

import os

MOST_WORKERS = 8


def usual_workers(processes: int) -> int:
    """Default number of workers: one per core of this process, at most 8; 0 for one or two cores.

    Args:
        processes: number of processes on this machine, which share its cores.
    """
    share = cores() // processes
    return 0 if share <= 2 else min(MOST_WORKERS, share)


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
