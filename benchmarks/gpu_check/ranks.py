"""Section: NCCL among all GPUs of the machine, one process each, and a training on them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_check.report import Part

ROOT = Path(__file__).parents[2]
LONGEST_S = 300.0  # seconds for the processes of one job, if the section has no limit
SPARE_S = 5.0  # seconds that the section keeps to end processes and to write its results
FAREWELL_S = 2.0  # seconds from SIGTERM to SIGKILL
POLL_S = 0.1
IMAGES = 16  # of each rank: one epoch of the steps of `one_rank`
MODULE = "benchmarks.gpu_check.one_rank"


def run(part: Part, fake: bool) -> None:
    """See the module."""
    count = 2 if fake else torch.cuda.device_count()
    backend = "gloo" if fake else "nccl"
    sums = answers(count, [MODULE, "sum", backend], part)
    part.tell("sum", sums[0])
    require_sums(part, sums)
    if count == 1:
        part.tell("training_skipped", "needs two GPUs")
        return
    from benchmarks.gpu_check.trainings import drawn_data  # needs more than torch, unlike the sum

    with tempfile.TemporaryDirectory() as folder:
        drawn_data(Path(folder), images=IMAGES * count, side=64)
        trained = answers(count, [MODULE, "train", backend, folder], part)
    part.tell("training", trained[0])
    require_equal(part, trained)


def require_sums(part: Part, sums: Sequence[dict[str, Any]]) -> None:
    """Note the ranks whose sum over all processes is wrong."""
    wrong = [rank for rank, told in enumerate(sums) if not told["sum_is_right"]]
    part.require(not wrong, f"every rank must get the sum of all, but it is wrong in {wrong}")


def require_equal(part: Part, trained: Sequence[dict[str, Any]]) -> None:
    """Note ranks that differ from the first, losses that are not finite, and no step taken."""
    first = trained[0]
    for key, what in (
        ("weights", "end with the same weights"),
        ("statistics", "end with the same running statistics"),
        ("averages", "evaluate the same averaged weights"),
        ("ap", "get the same AP"),
    ):
        other = [rank for rank, told in enumerate(trained) if told[key] != first[key]]
        part.require(not other, f"every rank must {what}, but {other} differ from 0")
    if first["evaluated"]:
        part.require(bool(first["ap"]), "the averaged weights must be evaluated, but no AP came")
    else:
        part.tell("evaluation_skipped", "needs the package pycocotools")
    still = [
        rank
        for rank, told in enumerate(trained)
        if not any(told["taken"]) or told["weights"] == told["first_weights"]
    ]
    part.require(not still, f"every rank must take a step that moves its weights, not so {still}")
    finite = all(abs(loss) < float("inf") for loss in first["losses"])
    part.require(finite, f"the losses of all steps must be finite, got {first['losses']}")


def answers(count: int, command: Sequence[str], part: Part) -> list[dict[str, Any]]:
    """What each of several processes has written, in the order of ranks.

    The processes have the environment that `torchrun` gives, but they stay in the process group of
    the section: those of `torchrun` have sessions of their own, and would outlive a section that is
    killed while they hang.

    Raises:
        RuntimeError: if one fails, or does not end in time; the others are then ended.
    """
    until = time.monotonic() + min(LONGEST_S, part.left_s - SPARE_S)
    with tempfile.TemporaryDirectory() as name, started(count, command, Path(name)) as processes:
        while any(process.poll() is None for process in processes):
            failed = [rank for rank, process in enumerate(processes) if process.poll()]
            if failed:
                time.sleep(FAREWELL_S)  # the others may say why as well
                raise RuntimeError(reason(failed[0], Path(name)))
            if time.monotonic() > until:
                late = [rank for rank, process in enumerate(processes) if process.poll() is None]
                raise RuntimeError(f"the ranks {late} did not end in time; {command[1]} may hang")
            time.sleep(POLL_S)
        failed = [rank for rank, process in enumerate(processes) if process.returncode]
        if failed:
            raise RuntimeError(reason(failed[0], Path(name)))
        return [json.loads((Path(name) / f"{rank}.json").read_text()) for rank in range(count)]


@contextmanager
def started(
    count: int, command: Sequence[str], folder: Path
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that have ended when the block has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes: list[subprocess.Popen[bytes]] = []
    with ExitStack() as files:
        try:
            for rank in range(count):
                environment = {
                    **os.environ,
                    "RANK": str(rank),
                    "LOCAL_RANK": str(rank),
                    "WORLD_SIZE": str(count),
                    "LOCAL_WORLD_SIZE": str(count),
                    "MASTER_ADDR": "127.0.0.1",
                    "MASTER_PORT": port,
                    "OMP_NUM_THREADS": "1",
                }
                words = [sys.executable, "-m", *command, str(folder / f"{rank}.json")]
                errors = files.enter_context((folder / f"{rank}.err").open("wb"))
                processes.append(
                    subprocess.Popen(words, cwd=ROOT, env=environment, stdout=errors, stderr=errors)
                )
            yield processes
        finally:
            end(processes)


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes: at first by SIGTERM, then by SIGKILL, which a call of NCCL cannot ignore."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            if process.poll() is None:
                process.send_signal(number)
        until = time.monotonic() + FAREWELL_S
        while time.monotonic() < until and any(each.poll() is None for each in processes):
            time.sleep(POLL_S)


def reason(rank: int, folder: Path) -> str:
    """The line with which a process has failed, which the first failed one usually has."""
    lines = (folder / f"{rank}.err").read_text(errors="replace").strip().splitlines()
    told = [line for line in lines if "Error" in line] or lines[-1:] or ["it gives no reason"]
    return f"rank {rank}: {told[-1].strip()}"
