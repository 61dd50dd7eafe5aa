"""One of the processes of the section `ranks`: a sum by torch alone, or a training by maenas.

python -m benchmarks.gpu_check.one_rank sum BACKEND RESULT.json
python -m benchmarks.gpu_check.one_rank train BACKEND DATA RESULT.json
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed

TIMEOUT = timedelta(seconds=20)  # after which a rank that waits for the others fails
MEBIBYTES = 64
ROUNDS = {"nccl": 20, "gloo": 2}
STEPS = 8  # enough for a step that fp16 does not skip while its scale is found


def main(words: list[str]) -> None:
    """Do one job and write its result."""
    job, backend, *given, result = words
    found = summed(backend) if job == "sum" else trained(backend, Path(given[0]))
    Path(result).write_text(json.dumps(found))


def summed(backend: str) -> dict[str, Any]:
    """Sum a tensor over all processes, and time it."""
    device, bound = torch.device("cpu"), None
    if backend == "nccl":
        device = bound = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group(backend, timeout=TIMEOUT, device_id=bound)
    rank, count = distributed.get_rank(), distributed.get_world_size()
    numbers = torch.full((MEBIBYTES << 18,), float(rank + 1), device=device)
    distributed.all_reduce(numbers)
    is_right = bool((numbers == count * (count + 1) / 2).all())
    numbers.zero_()
    _wait(device)
    started = time.perf_counter()
    for _ in range(ROUNDS[backend]):
        distributed.all_reduce(numbers)
    _wait(device)
    seconds = (time.perf_counter() - started) / ROUNDS[backend]
    distributed.destroy_process_group()
    return {
        "backend": backend,
        "count": count,
        "sum_is_right": is_right,
        "ms_of_64_mib": 1e3 * seconds,
        "gb_per_s": numbers.numel() * 4 * 2 * (count - 1) / count / seconds / 1e9,
    }


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def trained(backend: str, data: Path) -> dict[str, Any]:
    """Train and evaluate with the other processes, as `torchrun ... maenas train` does."""
    from dataclasses import replace

    from benchmarks.gpu_check.trainings import training_of
    from maenas.detector.train import EpochResult, StepResult, joined_ranks, train

    with joined_ranks("cpu" if backend == "gloo" else "auto", TIMEOUT) as ranks:
        folder = data / "run"
        training = training_of("ns", data / "data.yaml", folder, 64, 2, STEPS, ranks=ranks)
        first = mass(training.network.parameters())
        averages: list[float] = []
        evaluate = evaluation(training, data / "data.yaml", averages)
        events = list(train(replace(training, evaluate=evaluate)))
        steps = [event for event in events if isinstance(event, StepResult)]
        rows = [event.row for event in events if isinstance(event, EpochResult)]
        # On GPUs, SyncBatchNorm keeps running statistics equal; on CPUs those of rank 0 count.
        buffers = training.network.buffers() if backend == "nccl" else ()
        return {
            "losses": [sum(step.parts.values()) for step in steps],
            "taken": [step.taken for step in steps],
            "step_s": [step.seconds for step in steps],
            "first_weights": first,
            "weights": mass(training.network.parameters()),
            "statistics": mass(buffers),
            "evaluated": evaluate is not None,
            "averages": averages,
            "ap": [row["ap"] for row in rows if "ap" in row],
        }


def evaluation(training: Any, data: Path, averages: list[float]) -> Any:
    """The evaluation of `maenas train`, which notes the weights it gets; None without a package."""
    try:
        from maenas.training.evaluator import evaluator
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("pycocotools"):
            raise
        return None
    from maenas.detector.data import read_dataset
    from maenas.runs.signals import Signals

    val = read_dataset(data, "val")
    spec, ranks, compute = training.folder.spec, training.ranks, training.recipe.compute
    accuracy = evaluator(spec, val, ranks, Signals(), compute)

    def evaluate(network: Any) -> Any:
        averages.append(mass(network.state_dict().values()))
        return accuracy(network)

    return evaluate


def mass(tensors: Iterable[Any]) -> float:
    """The sum of all absolute values."""
    return float(sum(each.double().abs().sum() for each in tensors))


if __name__ == "__main__":
    main(sys.argv[1:])
