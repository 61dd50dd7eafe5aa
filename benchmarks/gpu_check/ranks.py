"""Section: NCCL among all GPUs of the machine, one process each, by torch alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import distributed

from benchmarks.gpu_check.report import Part

ROOT = Path(__file__).parents[2]
MEBIBYTES, ROUNDS = 64, 20
FILE = "MAENAS_GPU_CHECK_RANKS"  # variable that names the file of results


def run(part: Part, fake: bool) -> None:
    """See the module."""
    count = 2 if fake else torch.cuda.device_count()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ranks.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", str(count), "-m", "benchmarks.gpu_check.ranks"]
        command += ["gloo" if fake else "nccl"]
        environment = {**os.environ, FILE: str(path), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode or not path.exists():
            lines = [line for line in done.stderr.strip().splitlines() if "Error" in line]
            reason = lines[0] if lines else f"torchrun ended with status {done.returncode}"
            raise RuntimeError(reason.strip())
        part.tell("ranks", json.loads(path.read_text()))


def one_rank(backend: str) -> None:
    """Sum a tensor over all processes; the first one writes what it saw."""
    local = int(os.environ["LOCAL_RANK"])
    device = torch.device("cpu")
    if backend == "nccl":
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    distributed.init_process_group(backend)
    rank, count = distributed.get_rank(), distributed.get_world_size()
    numbers = torch.full((MEBIBYTES << 18,), float(rank + 1), device=device)
    distributed.all_reduce(numbers)
    is_right = bool((numbers == count * (count + 1) / 2).all())
    numbers.zero_()
    _wait(device)
    started = time.perf_counter()
    for _ in range(ROUNDS):
        distributed.all_reduce(numbers)
    _wait(device)
    seconds = (time.perf_counter() - started) / ROUNDS
    if rank == 0:
        found = {
            "backend": backend,
            "count": count,
            "sum_is_right": is_right,
            "ms_of_64_mib": 1e3 * seconds,
            "gb_per_s": numbers.numel() * 4 * 2 * (count - 1) / count / seconds / 1e9,
        }
        Path(os.environ[FILE]).write_text(json.dumps(found))
    distributed.destroy_process_group()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    one_rank(sys.argv[1])
