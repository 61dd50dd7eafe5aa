"""Work in a process of its own that is killed as its n-th file is about to get its name."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from maenas.blocks import MaenasError
from maenas.blocks.files import atomic_write

KILLED = 137


def in_child(work: Callable[[], object]) -> int:
    """The exit code of work done in a process of its own, which starts at once."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except MaenasError as error:
            os.write(2, f"{error}\n".encode())
            code = error.exit_code
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(number: int, work: Callable[[], object]) -> Callable[[], object]:
    """The work, ended without any warning as its n-th file is about to get its name."""

    def run() -> None:
        left = [number]
        replace = os.replace

        def counted(source: Any, target: Any) -> None:
            left[0] -= 1
            if not left[0]:
                os._exit(KILLED)
            replace(source, target)

        atomic_write.os.replace = counted  # type: ignore[attr-defined]
        work()

    return run
