"""The sections of the check, and how one is run in its process."""

from __future__ import annotations

import traceback
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from math import inf
from pathlib import Path

from benchmarks.gpu_check.report import Missed, Part, Skip

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the check.

    Attributes:
        module: module with a function `run(part, fake)`.
        limit_s: time limit in seconds.
        takes_rest: whether it may also use the time that the sections before it leave.
    """

    module: str
    limit_s: float
    takes_rest: bool = False


# In order; the limits add up to 8 minutes.
SECTIONS = {
    "machine": Section("machine", 45),
    "predictions": Section("predictions", 50),
    "training": Section("training", 90),
    "throughput": Section("throughput", 70),
    "profile": Section("latency", 110),
    "ranks": Section("ranks", 55),
    "tensorrt": Section("tensorrt", 60, takes_rest=True),
}


PACKAGES = {"yaml": "pyyaml", "PIL": "pillow"}  # names to install by names to import


def run_section(name: str, path: Path | None, fake: bool, until: float = inf) -> int:
    """Run a section in this process and keep its results; returns 1 if it failed.

    Args:
        name: one of `SECTIONS`.
        path: file for its results; None for none.
        fake: whether GPU and TensorRT are pretended.
        until: monotonic time in seconds at which it has to be done.
    """
    part = Part(path=path, name=name, until=until)
    part.save()
    try:
        with ExitStack() as stack:
            if fake:
                from benchmarks.gpu_check.fake import fake_machine

                stack.enter_context(fake_machine(name))
            import_module(f"benchmarks.gpu_check.{SECTIONS[name].module}").run(part, fake)
        part.finish()
    except Exception as error:  # whatever it is, the other sections go on
        need = need_of(error)
        if need and not part.missed:
            part.end("skipped", need)
            return 0
        if part.missed and not isinstance(error, Missed):
            part.end("failed", f"{'; '.join(part.missed)}; then: {need or line_of(error)}")
            return 1
        part.end("failed", line_of(error), place_of(error))
        return 1
    else:
        part.end("ok")
    return 0


def need_of(error: Exception) -> str:
    """What a section needs and this machine lacks, of which an error tells; "" for a failure."""
    if isinstance(error, Skip):
        return str(error)
    if not isinstance(error, ModuleNotFoundError):
        return ""
    missing = (error.name or "").split(".")[0]
    if missing in ("", "maenas", "benchmarks"):
        return ""
    return f"needs the package {missing}: pip install {PACKAGES.get(missing, missing)}"


def line_of(error: BaseException) -> str:
    """Kind and message of an error as one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def place_of(error: BaseException) -> str:
    """File and line of the repository in which an error arose, and the way there."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        f"{Path(frame.filename).resolve().relative_to(ROOT)}:{frame.lineno}"
        for frame in frames
        if Path(frame.filename).resolve().is_relative_to(ROOT)
    ]
    return " > ".join(ours[-4:])
