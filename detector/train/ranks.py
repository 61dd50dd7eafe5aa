"""The processes of a training: one, or one for each GPU under `torchrun`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from maenas.detector.errors import TrainError

PATIENCE = timedelta(hours=2)  # timeout of the processes that wait while the first one evaluates


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process and its place among the processes of a training.

    Attributes:
        device: device that this process trains on.
        rank: number of this process, from 0.
        count: number of processes.
    """

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that evaluates, saves and reports."""
        return self.rank == 0

    def mean(self, numbers: Tensor) -> Tensor:
        """The mean over all processes, element by element; one process returns its own tensor."""
        if self.count == 1:
            return numbers
        total = numbers.clone()
        distributed.all_reduce(total)
        return total / self.count

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; every process must make this call."""
        if self.count == 1:
            return flag
        return bool(self.mean(torch.tensor(float(flag), device=self.device)) > 0)

    def wait(self) -> None:
        """Wait until every process has reached this call."""
        if self.count > 1:
            distributed.barrier()

    def spread(self, network: nn.Module, compiled: bool = False) -> nn.Module:
        """The network wrapped for training in all processes; it shares the weights of `network`."""
        learner: nn.Module = torch.compile(network) if compiled else network  # type: ignore[assignment]
        if self.count == 1:
            return learner
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(learner, device_ids=ids)


@contextmanager
def joined_ranks(compute: str) -> Iterator[Ranks]:
    """This process, joined to the other processes that `torchrun` has started, if any.

    Args:
        compute: "cpu", "cuda:0", or "auto" for the GPU if there is one. Under `torchrun` each
            process uses the GPU with its local rank.
    Raises:
        TrainError: if there is no such device.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0")) if count > 1 else None
    device = find_device(compute, local)
    if count == 1:
        yield Ranks(device)
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(device, distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()


def find_device(compute: str, local_rank: int | None = None) -> torch.device:
    """The device to compute on.

    Raises:
        TrainError: if there is no such device.
    """
    if compute == "auto":
        compute = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(compute)
    except RuntimeError:
        raise TrainError(f"compute: must be cpu, cuda:0 or auto, got {compute!r}.") from None
    if device.type not in ("cpu", "cuda"):
        raise TrainError(f"compute: must be cpu, cuda:0 or auto, got {compute!r}.")
    if device.type == "cpu":
        return device
    index = local_rank if local_rank is not None else device.index or 0
    if not torch.cuda.is_available() or index >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise TrainError(f"compute: there is no cuda:{index}; this machine has {count} GPUs.")
    return torch.device("cuda", index)
