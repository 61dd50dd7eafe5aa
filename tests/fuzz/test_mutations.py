"""Damaged files are read, or refused in one line in time; nothing else ever comes out."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import time
import traceback
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from maenas.blocks import MaenasError
from tests.fuzz.formats import FORMATS, Format
from tests.patience import PATIENCE_S

EACH_S = 10.0  # most seconds of a processor that one file may take, on a busy machine too
MEMORY = 2 * 2**30  # most bytes that a text may take beyond what is there before
LONGEST_MESSAGE = 1000
IN_ALL, IN_ALL_SLOW = 1_000, 20_000


class TooSlowError(BaseException):
    """A file took longer than any may; no `except Exception` holds it up."""


@pytest.fixture(scope="module", params=FORMATS, ids=lambda form: form.name)
def sound(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Format, Path]:
    """A format and a folder with sound files of it."""
    form: Format = request.param
    folder = tmp_path_factory.mktemp("sound")
    form.made(folder)
    return form, folder


def test_a_sound_file_is_read(sound: tuple[Format, Path]) -> None:
    form, folder = sound
    form.read(folder / form.file)


def test_damaged_files_are_read_or_refused(sound: tuple[Format, Path], tmp_path: Path) -> None:
    check_all(sound, tmp_path, IN_ALL // len(FORMATS))


@pytest.mark.minutes
@pytest.mark.slow
def test_many_damaged_files_are_read_or_refused(sound: tuple[Format, Path], tmp_path: Path) -> None:
    check_all(sound, tmp_path, IN_ALL_SLOW // len(FORMATS))


def check_all(sound: tuple[Format, Path], folder: Path, count: int) -> None:
    """Read `count` damaged files, each drawn from a seed of its own."""
    form, source = sound
    content = (source / form.file).read_bytes()
    failures = []
    for seed in range(count):
        shutil.copytree(source, folder, dirs_exist_ok=True)
        rng = random.Random(zlib.crc32(f"{form.name} {seed}".encode()))
        path = folder / form.file
        path.write_bytes(form.damage(rng, content))
        wrong = what_is_wrong(form, path)
        if wrong:
            failures.append(f"{form.name} {seed}: {wrong}")
    assert failures == [], "\n".join([f"{len(failures)} of {count}", *failures[:20]])


def what_is_wrong(form: Format, path: Path) -> str:
    """What came out of reading a file that never should; "" if nothing did."""
    began = time.process_time()
    try:
        with warnings.catch_warnings(), limited(None if form.is_binary else MEMORY):
            warnings.simplefilter("ignore")  # they would be lines on stderr
            form.read(path)
    except MaenasError as error:
        message = str(error)
        if not 10 <= len(message) <= LONGEST_MESSAGE:
            return f"a message of {len(message)} characters: {message[:300]!r}"
    except TooSlowError:
        return f"takes more than {EACH_S:.0f} s"
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} ({last.filename}:{last.lineno})"
    took = time.process_time() - began
    return f"took {took:.1f} s" if took > EACH_S else ""


@contextmanager
def limited(memory: int | None) -> Iterator[None]:
    """Limits of time and memory for the block."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if memory else 0
    handlers = {number: signal.signal(number, stop) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, EACH_S)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)  # for a file that is waited for
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def stop(number: int, frame: FrameType | None) -> None:
    raise TooSlowError
