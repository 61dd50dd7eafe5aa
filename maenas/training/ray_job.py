"""Training in several processes as a Ray job: one actor for each process of `torchrun`."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from maenas.blocks import MaenasError
from maenas.budgets.cluster import (
    ClusterGone,
    ask_nodes,
    done_among,
    joined,
    left_at_the_end,
    require_same,
    say,
)
from maenas.detector.errors import TrainError
from maenas.runs.folders import last_run
from maenas.runs.named_files import absolute_options
from maenas.runs.signals import caught_signals
from maenas.runs.start import reserved
from maenas.terminal.log import printed, printed_level
from maenas.training.result import TrainResult
from maenas.training.run import run_training
from maenas.training.setup import TrainOptions
from maenas.training.trackers.tracker import Tracker

START_S = 120.0  # time within which the cluster must place all processes
SILENCE_S = 30.0  # waiting time after which a message is printed
LOSS_S = 15.0  # time after a first failure in which a lost process is noticed
Work = Callable[[], Any]


class Rank:
    """One process of a training."""

    def address(self) -> tuple[str, int]:
        """Host of this process and a free port there, for the processes to meet at."""
        import ray as untyped

        ray: Any = untyped
        with socket.socket() as free:
            free.bind(("", 0))
            return ray.util.get_node_ip_address(), free.getsockname()[1]

    def run(self, environment: dict[str, str], work: Work, level: int | None) -> Any:
        """Run the work with the environment variables that `torchrun` would set.

        Args:
            environment: the variables.
            work: work to do.
            level: level of the log records to print; None to print nothing.
        """
        os.environ.update(environment)
        with nullcontext() if level is None else printed(level):
            return work()


def run_on_ray(
    options: TrainOptions,
    out: Path | None,
    resume: bool,
    exist_ok: bool,
    compute: str,
    workers: int | None,
    trackers: Sequence[str | Tracker] | None = None,
    ends_with_evaluation: bool = True,
    *,
    address: str,
    processes: int,
) -> TrainResult | None:
    """Run `run_training` in several processes of a cluster whose nodes share a file system.

    Args:
        options: options of the training; for this and the next seven see `run_training`.
        address: address of the cluster, see `budgets.cluster.joined`.
        processes: number of processes; each has a CPU, and a GPU unless `compute` is "cpu".
    Returns:
        The result.
    Raises:
        TrainError: if the cluster has no room for all, or one of the processes is lost.
    """
    options = absolute_options(options)  # the working folder of an actor differs
    if resume:
        out = out or last_run(options.command)
    with reserved(out, options.command) as folder:
        asked = (options, folder.absolute(), resume, exist_ok, compute, workers, trackers)
        work = partial(run_training, *asked, ends_with_evaluation=ends_with_evaluation)
        with caught_signals() as signals:
            try:
                found: TrainResult | None = run_ranks(work, processes, address, compute)
            except ClusterGone:
                signals.check()  # a signal also ends the cluster that this process started
                raise
    return found


def run_ranks(work: Work, processes: int, address: str, compute: str) -> Any:
    """Run work in several processes that communicate; returns the result of the first.

    Args:
        work: picklable function; it finds the others through the variables that `torchrun` sets.
        processes: number of processes.
        address: address of the cluster.
        compute: device to use; unless it is "cpu", each process gets a GPU if the cluster has any.
    """
    with joined(address, cpus=processes, quiet=False) as ray:
        require_same(ask_nodes(ray))
        has_gpus = ray.cluster_resources().get("GPU", 0) > 0
        gpus = 1 if compute != "cpu" and has_gpus else 0
        remote: Any = ray.remote(Rank)
        with _placement(ray, processes, gpus) as placement:
            ranks = [
                remote.options(num_cpus=1, num_gpus=gpus, scheduling_strategy=placement).remote()
                for _ in range(processes)
            ]
            host, port = _addresses(ray, ranks)[0]
            futures = [
                rank.run.remote(_environment(number, processes, host, port), work, printed_level())
                for number, rank in enumerate(ranks)
            ]
            return _first(ray, futures)


@contextmanager
def _placement(ray: Any, processes: int, gpus: int) -> Iterator[Any]:
    """Reserve resources for all processes at once, and free them at the end.

    Reserved one by one, two trainings could each hold a part and wait for the other for ever.

    Raises:
        TrainError: if the cluster has no room for all.
    """
    from ray.util.placement_group import placement_group, remove_placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    bundle = {"CPU": 1, "GPU": gpus} if gpus else {"CPU": 1}
    group = placement_group([bundle] * processes, strategy="PACK")
    with left_at_the_end(partial(remove_placement_group, group)):  # ends the processes
        until = time.monotonic() + START_S
        while not done_among(ray, [group.ready()], min(START_S, SILENCE_S)):
            offered, free = ray.cluster_resources(), ray.available_resources()
            room = ", ".join(
                f"{free.get(name, 0):g} of {offered.get(name, 0):g} {name}s free"
                for name in ("CPU", "GPU")
                if name in offered
            )
            if time.monotonic() >= until:
                raise TrainError(
                    f"ray: {processes} processes could not be placed within {START_S:.0f} s "
                    f"({room}); "
                    "ask for fewer --processes, add a node, or wait until other jobs have ended."
                )
            say(f"ray: waiting for resources for {processes} processes: {room}")
        yield PlacementGroupSchedulingStrategy(group)


def _addresses(ray: Any, ranks: list[Any]) -> list[tuple[str, int]]:
    """Host and port of each process, once all of them run."""
    futures = [rank.address.remote() for rank in ranks]
    done_among(ray, futures, count=len(futures))
    found: list[tuple[str, int]] = ray.get(futures)
    return found


def _environment(number: int, processes: int, host: str, port: int) -> dict[str, str]:
    """Environment of one process; LOCAL_RANK is 0, since Ray shows each process its GPU only."""
    return {
        "RANK": str(number),
        "LOCAL_RANK": "0",
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": host,
        "MASTER_PORT": str(port),
    }


def _first(ray: Any, futures: list[Any]) -> Any:
    """The result of the first process; raises the error of any process that fails."""
    waiting = list(futures)
    while waiting:
        (done,) = done_among(ray, waiting)
        waiting.remove(done)
        error = _error(ray, done)
        if error is None:
            continue
        # If a process is lost, the others fail as well, perhaps before its loss is noticed.
        ready = done_among(ray, futures, LOSS_S, count=len(futures))
        errors = [error, *(_error(ray, future) for future in ready)]
        if any(isinstance(each, ray.exceptions.RayActorError) for each in errors):
            raise TrainError(
                "ray: a process of the training is lost; --resume continues after the last epoch."
            )
        raise next((each for each in errors if isinstance(each, MaenasError)), error)
    return ray.get(futures[0])


def _error(ray: Any, future: Any) -> Exception | None:
    """The exception that a process raised, as raised there; None if it raised none."""
    try:
        ray.get(future)
    except ray.exceptions.RayTaskError as error:
        cause: Exception = error.cause
        return cause
    except ray.exceptions.RayError as error:
        found: Exception = error
        return found
    return None
