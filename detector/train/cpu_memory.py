"""The memory of a training step, kept for the next one."""

from __future__ import annotations

import ctypes

# Options of glibc's `mallopt`: the size from which a block is mapped from the system by itself,
# and how much free memory is held before it is given back.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 32 << 20  # bytes; glibc takes no more
NEVER = -1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, instead of returning it to the system.

    A step on a CPU allocates the same maps of megabytes as the one before it. By default each of
    them is mapped anew, and the system clears it page by page: 3 to 10 % of the step
    (benchmarks/bench_train.py prints both).

    Returns:
        Whether the C library could be told; only glibc can.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # other C libraries; TypeError on Windows
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(M_TRIM_THRESHOLD, NEVER))
