"""Signals that ask a run to end: as an exception at once, or as a flag where that would tear it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

# Ctrl-C, a scheduler that takes the machine back, and a terminal that was closed.
ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# `torchrun` sends a signal on that its processes have had already: only a later one is impatience.
AGAIN_AFTER_S = 1.0


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to end.

    Attributes:
        number: number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def exit_code(error: KeyboardInterrupt) -> int:
    """What a shell shows for a process that a signal ended: 130, 143 or 129."""
    return 128 + (error.number if isinstance(error, Interrupted) else signal.SIGINT)


class Signals:
    """What has come so far, and what happens at the next signal.

    Attributes:
        number: number of the first signal; None before it.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._first_at = 0.0
        self._is_held = False

    def requested(self) -> bool:
        """Whether a signal has come."""
        return self.number is not None

    def check(self) -> None:
        """Raise `Interrupted` if a signal has come."""
        if self.number is not None:
            raise Interrupted(self.number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Signals only set the flag in this block; Ctrl-C once more still ends it at once."""
        yield from self._switched(True)

    @contextmanager
    def prompt(self) -> Iterator[None]:
        """Signals raise `Interrupted` in this block, although one around it holds them."""
        yield from self._switched(False)

    def _switched(self, is_held: bool) -> Iterator[None]:
        before, self._is_held = self._is_held, is_held
        try:
            # A signal that came before, or whose exception was lost in some destructor.
            self.check()
            yield
        finally:
            self._is_held = before

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        is_first = self.number is None
        if is_first:
            self.number, self._first_at = number, now
        is_again = number == signal.SIGINT and now - self._first_at > AGAIN_AFTER_S
        if is_again or not self._is_held:
            assert self.number is not None
            raise Interrupted(self.number)


_current: Signals | None = None


@contextmanager
def caught_signals() -> Iterator[Signals]:
    """Turn the signals of `ENDING` into `Interrupted` for as long as the block lasts.

    What was ignored before, as `nohup` has SIGHUP ignored, stays ignored. A block within a block
    shares its signals. Outside the main thread, which alone gets signals, nothing is changed.
    """
    global _current
    if _current is not None or threading.current_thread() is not threading.main_thread():
        with nullcontext(_current or Signals()) as signals:
            yield signals
        return
    _current = signals = Signals()
    before = {}
    try:
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, signals._handle)
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        _current = None
