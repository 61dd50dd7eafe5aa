"""Training in several processes as a Ray job: actors that stand where `torchrun` would put them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from maenas.blocks import MaenasError
from maenas.budgets.cluster import ask_nodes, done_among, joined, left_at_the_end, require_same, say
from maenas.detector.errors import TrainError
from maenas.runs.folders import last_run, next_run
from maenas.training.result import TrainResult
from maenas.training.run import run_training
from maenas.training.setup import TrainOptions

START_S = 120.0  # until all processes must have a place in the cluster
SILENCE_S = 30.0  # of waiting for it until we say so
LOSS_S = 15.0  # from the first failure until the loss that caused it is noticed
Work = Callable[[], Any]


class Rank:
    """One process of a training."""

    def address(self) -> tuple[str, int]:
        """Where the first process waits for the others: its host, and a port free there."""
        import ray as untyped

        ray: Any = untyped
        with socket.socket() as free:
            free.bind(("", 0))
            return ray.util.get_node_ip_address(), free.getsockname()[1]

    def run(self, environment: dict[str, str], work: Work) -> Any:
        """Work with the variables that `torchrun` would set."""
        os.environ.update(environment)
        return work()


def run_on_ray(
    options: TrainOptions,
    out: Path | None,
    resume: bool,
    exist_ok: bool,
    compute: str,
    workers: int | None,
    *,
    address: str,
    processes: int,
) -> TrainResult | None:
    """`run_training` in several processes of a cluster, which all see the same files.

    Args:
        options: and the next five as for `run_training`.
        address: of the cluster, see `budgets.cluster.joined`.
        processes: how many, a CPU each, and a GPU each unless `compute` says otherwise.
    Returns:
        The result.
    Raises:
        TrainError: if the cluster has no room for all, or one of the processes is lost.
    """
    # Actors start in a folder of their own.
    options = replace(
        options,
        data=None if options.data is None else options.data.absolute(),
        detector=_absolute(options.detector),
        recipe=_absolute(options.recipe),
        teacher=_absolute(options.teacher),
    )
    if out is None:
        out = last_run(options.command) if resume else next_run(options.command)
    folder = None if out is None else out.absolute()
    work = partial(run_training, options, folder, resume, exist_ok, compute, workers)
    found: TrainResult | None = run_ranks(work, processes, address, compute)
    return found


def _absolute(name: str | None) -> str | None:
    """A file or folder by its whole path; other names, such as zoo:damo-yolo-s, as they are."""
    return str(Path(name).absolute()) if name is not None and Path(name).exists() else name


def run_ranks(work: Work, processes: int, address: str, compute: str) -> Any:
    """Run something in several processes that join; what the first of them returns.

    Args:
        work: picklable; joins the others through the variables that `torchrun` sets.
        processes: how many.
        address: of the cluster.
        compute: "cpu", else each has a GPU where the cluster has any.
    """
    with joined(address, cpus=processes, quiet=False) as ray:
        require_same(ask_nodes(ray))
        has_gpus = ray.cluster_resources().get("GPU", 0) > 0
        gpus = 1 if compute != "cpu" and has_gpus else 0
        remote: Any = ray.remote(Rank)
        with _places(ray, processes, gpus) as place:
            ranks = [
                remote.options(num_cpus=1, num_gpus=gpus, scheduling_strategy=place).remote()
                for _ in range(processes)
            ]
            host, port = _addresses(ray, ranks)[0]
            futures = [
                rank.run.remote(_environment(number, processes, host, port), work)
                for number, rank in enumerate(ranks)
            ]
            return _first(ray, futures)


@contextmanager
def _places(ray: Any, processes: int, gpus: int) -> Iterator[Any]:
    """Places for all processes: they are taken together or not at all, and freed at the end.

    Else a training that is too large would hold what it got, and two would wait for each other.

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
                    f"ray: {processes} processes found no place within {START_S:.0f} s ({room}); "
                    "ask for fewer --processes, add a node, or wait until other jobs have ended."
                )
            say(f"ray: waiting for a place for {processes} processes: {room}")
        yield PlacementGroupSchedulingStrategy(group)


def _addresses(ray: Any, ranks: list[Any]) -> list[tuple[str, int]]:
    """Where each process is, once all of them run: they wait for each other."""
    futures = [rank.address.remote() for rank in ranks]
    done_among(ray, futures, count=len(futures))
    found: list[tuple[str, int]] = ray.get(futures)
    return found


def _environment(number: int, processes: int, host: str, port: int) -> dict[str, str]:
    """The variables of one process. It sees its own GPU alone, so that is the first it sees."""
    return {
        "RANK": str(number),
        "LOCAL_RANK": "0",
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": host,
        "MASTER_PORT": str(port),
    }


def _first(ray: Any, futures: list[Any]) -> Any:
    """What the first process returns, or the error of whichever fails."""
    waiting = list(futures)
    while waiting:
        (done,) = done_among(ray, waiting)
        waiting.remove(done)
        error = _error(ray, done)
        if error is None:
            continue
        # Where one is lost, the others fail for want of it, and may do so first.
        ready = done_among(ray, futures, LOSS_S, count=len(futures))
        errors = [error, *(_error(ray, future) for future in ready)]
        if any(isinstance(each, ray.exceptions.RayActorError) for each in errors):
            raise TrainError(
                "ray: a process of the training is lost; --resume goes on after the last epoch."
            )
        raise next((each for each in errors if isinstance(each, MaenasError)), error)
    return ray.get(futures[0])


def _error(ray: Any, future: Any) -> Exception | None:
    """What a process failed with, as it was over there; None if it did not."""
    try:
        ray.get(future)
    except ray.exceptions.RayTaskError as error:
        cause: Exception = error.cause
        return cause
    except ray.exceptions.RayError as error:
        found: Exception = error
        return found
    return None
