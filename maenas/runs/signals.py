"""Signals that end a run: an exception at once, or a flag where it must not be interrupted."""

from __future__ import annotations

import signal
import threading
import time
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C, a scheduler that ends the job, and a terminal that was closed.
ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
# `torchrun` repeats a signal to processes that already received it: only a later Ctrl-C ends them.
AGAIN_AFTER_S = 1.0
POSTPONED_S = 0.05  # until a signal that arrived during an import is handled again


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to end.

    Attributes:
        number: number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def exit_code(error: KeyboardInterrupt) -> int:
    """The exit code that a shell shows for a process ended by a signal: 130, 143 or 129."""
    return 128 + (error.number if isinstance(error, Interrupted) else signal.SIGINT)


class Signals:
    """The first signal received, and the mode that decides how the next one is handled.

    Attributes:
        number: number of the first signal; None before it.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._has_raised = False
        self._first_at = 0.0
        self._is_held = False

    def requested(self) -> bool:
        """Whether a signal was received."""
        return self.number is not None

    def check(self) -> None:
        """Raise `Interrupted` if a signal was received."""
        if self.number is not None:
            raise Interrupted(self.number)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Raise `Interrupted` where compiled code in this block made another error of it.

        pydantic does when a signal arrives while it builds a schema. An error that comes after the
        exception of a signal, for whatever reason, is of no interest: the process shall end.
        """
        try:
            yield
        except KeyboardInterrupt:
            self._has_raised = False  # it arrived; what an outer block sees is an answer to it
            raise
        except Exception:
            if not self._has_raised:
                raise
            self._has_raised = False
            raise Interrupted(self.number or signal.SIGINT) from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let signals only set the flag in this block; a second Ctrl-C still ends it at once."""
        yield from self._switched(True)

    @contextmanager
    def prompt(self) -> Iterator[None]:
        """Let signals raise `Interrupted` in this block, even inside a `held` block."""
        yield from self._switched(False)

    def _switched(self, is_held: bool) -> Iterator[None]:
        before, self._is_held = self._is_held, is_held
        try:
            # For a signal received earlier, or whose exception was lost in a destructor.
            self.check()
            yield
        finally:
            self._is_held = before

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.number is None:
            self.number, self._first_at = number, now
        is_again = number == signal.SIGINT and now - self._first_at > AGAIN_AFTER_S
        if self._is_held and not is_again:
            return
        if not is_importing(frame):
            self._has_raised = True
            raise Interrupted(self.number)
        later = threading.Timer(POSTPONED_S, interrupt_main, (number,))
        later.daemon = True
        later.start()


def is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: an exception inside C++ modules aborts the process."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


_current: Signals | None = None


@contextmanager
def caught_signals() -> Iterator[Signals]:
    """Turn the signals of `ENDING` into `Interrupted` inside the block.

    A signal that was ignored before, such as SIGHUP under `nohup`, stays ignored. A nested block
    shares the signals of the outer one. Only the main thread receives signals, so in other threads
    nothing is changed.
    """
    global _current
    if threading.current_thread() is not threading.main_thread():
        yield _current or Signals()
        return
    if _current is not None:
        with _current.restored():
            yield _current
        return
    _current = signals = Signals()
    before = {}
    try:
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, signals._handle)
        with signals.restored():
            yield signals
    except KeyboardInterrupt as error:
        # Ray waits in C++ and raises a plain KeyboardInterrupt, without the signal's number.
        if signals.number is None or isinstance(error, Interrupted):
            raise
        raise Interrupted(signals.number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        _current = None


def ignore_signals() -> None:
    """Ignore the signals of `ENDING` from now on: the process has done its work."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
