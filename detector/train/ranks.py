"""The processes of a training: one, or one for each GPU under `torchrun`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from inspect import signature
from socket import gethostname
from threading import Thread
from typing import Any, TypeVar, cast

import torch
from numpy.random import SeedSequence
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from maenas.blocks.errors import MaenasError
from maenas.blocks.files.words import cut
from maenas.detector.errors import TrainError

Value = TypeVar("Value")
PATIENCE = timedelta(hours=1)  # timeout of the processes that wait for the others, as for scores
# Option of DDP to send buffers in each forward pass, under its newest name.
BUFFERS = next(
    name
    for name in ("forward_sync_buffers", "broadcast_buffers")
    if name in signature(DistributedDataParallel).parameters
)
FAREWELL_S = 5.0  # seconds that a process which fails waits for the others


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process and its place among the processes of a training.

    Attributes:
        device: device that this process trains on.
        rank: number of this process, from 0.
        count: number of processes.
        beside: number of processes on this machine, which share its cores.
    """

    device: torch.device
    rank: int = 0
    count: int = 1
    beside: int = 1

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

    def least(self, number: int) -> int:
        """The smallest number of all processes; every process must make this call."""
        return min(gathered(number)) if self.count > 1 else number

    def require_equal(self, settings: Mapping[str, str]) -> None:
        """Raise `TrainError` in every process unless all have the same settings.

        Args:
            settings: values by name; every process must make this call.
        """
        if self.count == 1:
            return
        first, *others = gathered(dict(settings))
        for rank, its in enumerate(others, 1):
            names = [name for name in {**first, **its} if its.get(name) != first.get(name)]
            if names:
                one, zero = (cut(str(each.get(names[0], "none"))) for each in (its, first))
                more = f", and {len(names) - 1} more settings differ" if len(names) > 1 else ""
                raise TrainError(
                    f"rank {rank}: {names[0]} is {one}, but rank 0 has {zero}{more}; start every "
                    "process with the same command, files and versions."
                )

    def wait(self) -> None:
        """Wait until every process has reached this call."""
        if self.count > 1:
            distributed.barrier()

    def spread(self, network: nn.Module) -> nn.Module:
        """The network wrapped for training in all processes; it shares the weights of `network`."""
        if self.count == 1:
            return network
        is_gpu = self.device.type == "cuda"
        # SyncBatchNorm on GPUs keeps running statistics equal; on CPUs those of rank 0 count.
        buffers: dict[str, Any] = {BUFFERS: False} if is_gpu else {}
        # A channels-last 1x1 weight has two equal descriptions of its strides; that DDP and the
        # convolution choose different ones costs a copy of its gradient, and the user nothing.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        return DistributedDataParallel(
            network,
            device_ids=[self.device.index] if is_gpu else None,
            gradient_as_bucket_view=True,
            **buffers,
        )

    def seed_step(self, seed: int, step: int) -> None:
        """Give each of several processes random numbers of its own in a step, such as masks.

        They depend on seed, step and rank alone, so that a resumed training draws the same. A
        single process keeps its generator, whose state is saved.
        """
        if self.count > 1:
            torch.manual_seed(int(SeedSequence((seed, step, self.rank)).generate_state(1)[0]))

    def collected(self, value: Any) -> list[Any]:
        """A picklable value of every process, in the process that leads; [] in the others."""
        if self.count == 1:
            return [value]
        values = [None] * self.count if self.leads else None
        distributed.gather_object(value, values)
        return values or []

    def told(self, value: Any) -> Any:
        """The value of the process that leads, in all processes."""
        if self.count == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values)
        return values[0]

    def made_once(self, key: str, make: Callable[[], Value]) -> Value:
        """The result of `make`, called by one process of each machine; every process must call it.

        Args:
            key: processes of a machine that give the same key share one result.
            make: function that returns a picklable result.
        Raises:
            MaenasError: the error that `make` raised, in every process that shares the result.
        """
        if self.count == 1:
            return make()
        keys = gathered((gethostname(), key))
        makers = [keys.index(each) for each in dict.fromkeys(keys)]
        values: list[Any] = [attempted(make) if rank == self.rank else None for rank in makers]
        for place, rank in enumerate(makers):
            value = values[place : place + 1]
            distributed.broadcast_object_list(value, rank)
            if keys[rank] == keys[self.rank]:
                result = value[0]
        if isinstance(result, MaenasError):
            raise result
        return cast("Value", result)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Replace the tensors of every process by those of rank 0."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)


def attempted(make: Callable[[], Value]) -> Value | MaenasError:
    """The result of a function, or the error of one line that it raised."""
    try:
        return make()
    except MaenasError as error:
        return error


@contextmanager
def joined_ranks(compute: str, patience: timedelta = PATIENCE) -> Iterator[Ranks]:
    """This process, joined to the other processes that `torchrun` has started, if any.

    Args:
        compute: "cpu", "cuda:0", or "auto" for the GPU if there is one. Under `torchrun` each
            process uses the GPU with its local rank.
        patience: time after which a process that waits for the others fails.
    Raises:
        TrainError: if there is no such device, or the other processes cannot be reached.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0")) if count > 1 else None
    device = find_device(compute, local)
    if count == 1:
        yield Ranks(device)
        return
    is_gpu = device.type == "cuda"
    if is_gpu:
        torch.cuda.set_device(device)
    # gloo carries what lies in the memory of the CPU: settings, predictions.
    backend, bound = ("cpu:gloo,cuda:nccl", device) if is_gpu else ("gloo", None)
    try:
        distributed.init_process_group(backend, timeout=patience, device_id=bound)
    except RuntimeError as error:
        raise unreachable(error) from None
    try:
        beside = gathered(gethostname()).count(gethostname())
        yield Ranks(device, distributed.get_rank(), count, beside)
    except BaseException as error:
        leave()
        if is_lost(error):
            raise TrainError(
                f"rank {os.environ['RANK']}: lost another process of the training, which ends with "
                "a message of its own; --resume continues from the last saved state."
            ) from None
        raise
    distributed.destroy_process_group()


def unreachable(error: RuntimeError) -> TrainError:
    """The error of a process that could not join the others."""
    place = ":".join(os.environ.get(name, "?") for name in ("MASTER_ADDR", "MASTER_PORT"))
    return TrainError(
        f"rank {os.environ.get('RANK', '?')}: cannot join the other processes at {place}: "
        f"{cut(' '.join(str(error).split()), 200)}; if they run on several machines, set "
        "GLOO_SOCKET_IFNAME and NCCL_SOCKET_IFNAME on each to its network interface that reaches "
        "the others."
    )


def is_lost(error: BaseException) -> bool:
    """Whether a call to other processes failed because one of them has ended."""
    if isinstance(error, distributed.DistError):
        return True
    return isinstance(error, RuntimeError) and "gloo" in str(error)


def gathered(value: Any) -> list[Any]:
    """A picklable value of every process, in the order of ranks; every process must call it."""
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values


def leave() -> None:
    """Leave the other processes without waiting for a call that they may never make.

    The backend of GPUs waits for its pending calls. A process that waited there would not end, and
    `torchrun`, which ends all processes once one has failed, would not learn of the failure.
    """
    parting = Thread(target=distributed.destroy_process_group, daemon=True)
    parting.start()
    parting.join(FAREWELL_S)


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
