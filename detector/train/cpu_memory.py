"""Reuse of freed memory between training steps on a CPU."""

from __future__ import annotations

import ctypes

# Options of glibc's `mallopt`: how much free memory is kept before it is returned to the system,
# and the size from which a block gets a memory mapping of its own.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 32 << 20  # bytes; the largest value that glibc accepts
NEVER = -1


def keep_freed_memory() -> bool:
    """Make the allocator of this process keep freed memory instead of returning it to the system.

    Every step on a CPU allocates the same feature maps of several megabytes. By default each one
    is mapped again and the system clears its pages, which takes 3 to 10 % of the step
    (benchmarks/bench_train.py prints both).

    Returns:
        Whether the setting was applied; only glibc supports it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # other C libraries; TypeError on Windows
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(M_TRIM_THRESHOLD, NEVER))
