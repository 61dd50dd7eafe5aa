"""Processes and builds of the check of a GPU end in time."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu_check import ranks, tensorrt
from benchmarks.gpu_check.report import Part
from benchmarks.gpu_check.tensorrt import Step

# Rank 0 waits for ever and ignores SIGTERM, as a process in a call of NCCL may; rank 1 fails if
# asked to.
HANGING = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
where = pathlib.Path(sys.argv[-1])
pathlib.Path(sys.argv[2]).joinpath(os.environ["RANK"]).write_text(str(os.getpid()))
if sys.argv[1] == "fails" and os.environ["RANK"] == "1":
    raise RuntimeError("no such GPU")
if sys.argv[1] == "answers":
    where.write_text('{"rank": %s, "of": %s}' % (os.environ["RANK"], os.environ["WORLD_SIZE"]))
else:
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hanging.py").write_text(HANGING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(ranks, "FAREWELL_S", 0.3)
    monkeypatch.setattr(ranks, "SPARE_S", 0.0)
    monkeypatch.setattr(ranks, "POLL_S", 0.01)
    (tmp_path / "pids").mkdir()
    return tmp_path / "pids"


def is_gone(folder: Path) -> bool:
    """Whether no process that wrote its number is left."""
    return not any(Path(f"/proc/{file.read_text()}").exists() for file in folder.iterdir())


@pytest.mark.slow
def test_ranks_that_hang_are_killed_and_named(folder: Path) -> None:
    part = Part(until=time.monotonic() + 3.0)
    with pytest.raises(RuntimeError, match=r"the ranks \[0, 1\] did not end in time; waits may ha"):
        ranks.answers(2, ["hanging", "waits", str(folder)], part)
    assert is_gone(folder)


def test_a_rank_that_fails_gives_the_reason_and_ends_the_others(folder: Path) -> None:
    with pytest.raises(RuntimeError, match=r"^rank 1: RuntimeError: no such GPU$"):
        ranks.answers(2, ["hanging", "fails", str(folder)], Part())
    assert is_gone(folder)


def test_ranks_stay_in_the_process_group_of_their_section(folder: Path) -> None:
    """So a section that is killed leaves none behind, as those of `torchrun` would be."""
    with ranks.started(1, ["hanging", "waits", str(folder)], folder.parent) as [process]:
        assert os.getpgid(process.pid) == os.getpgid(0)
    assert process.poll() is not None


def test_ranks_answer_in_their_order(folder: Path) -> None:
    told = ranks.answers(2, ["hanging", "answers", str(folder)], Part())
    assert told == [{"rank": 0, "of": 2}, {"rank": 1, "of": 2}]


def test_builds_are_skipped_once_there_is_no_time_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def build(seconds: float) -> Any:
        def run() -> dict[str, Any]:
            now[0] += seconds
            return {"built": True}

        return run

    steps = [Step("a", 1, build(20)), Step("b", 3, build(6)), Step("c", 1, build(5))]
    part = Part(until=60.0)
    tensorrt.in_time(part, steps)
    assert part.result["skipped"] == {"b": "needs about 78 s, 40 s are left"}
    assert part.result["a"] == {"built": True, "seconds": 20.0}
    assert part.result["c"]["built"] is True


def test_a_build_that_fails_leaves_the_results_before_it() -> None:
    def fail() -> dict[str, Any]:
        raise RuntimeError("no tactic")

    part = Part()
    with pytest.raises(RuntimeError, match="no tactic"):
        tensorrt.in_time(part, [Step("a", 1, dict), Step("b", 1, fail), Step("c", 1, dict)])
    assert list(part.result) == ["a"]
