"""Training in several processes as a Ray job: actors that stand where `torchrun` would put them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from blocks import MaenasError
from budgets.cluster import ask_nodes, joined, require_same
from detector.errors import TrainError
from maenas.folders import next_run
from maenas.settled import Asked
from maenas.training import run_training

START_S = 120.0  # until all processes must have a place in the cluster
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
    asked: Asked,
    out: Path | None,
    resume: bool,
    exist_ok: bool,
    compute: str,
    workers: int | None,
    *,
    address: str,
    processes: int,
) -> dict[str, Any] | None:
    """`run_training` in several processes of a cluster, which all see the same files.

    Args:
        asked: and the next five as for `run_training`.
        address: of the cluster, see `budgets.cluster.joined`.
        processes: how many, a CPU each, and a GPU each unless `compute` says otherwise.
    Returns:
        What `maenas train --json` prints.
    Raises:
        TrainError: if the cluster has no room for all, or one of the processes is lost.
    """
    # Actors start in a folder of their own.
    asked = replace(
        asked,
        data=None if asked.data is None else asked.data.absolute(),
        detector=_absolute(asked.detector),
        recipe=_absolute(asked.recipe),
        teacher=_absolute(asked.teacher),
    )
    if out is None and not resume:
        out = next_run(asked.command)
    folder = None if out is None else out.absolute()
    work = partial(run_training, asked, folder, resume, exist_ok, compute, workers)
    found: dict[str, Any] | None = run_ranks(work, processes, address, compute)
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
        ranks = [remote.options(num_cpus=1, num_gpus=gpus).remote() for _ in range(processes)]
        try:
            host, port = _addresses(ray, ranks)[0]
            futures = [
                rank.run.remote(_environment(number, processes, host, port), work)
                for number, rank in enumerate(ranks)
            ]
            return _first(ray, futures)
        finally:
            for rank in ranks:
                ray.kill(rank)


def _addresses(ray: Any, ranks: list[Any]) -> list[tuple[str, int]]:
    """Where each process is, once all of them run: they wait for each other."""
    futures = [rank.address.remote() for rank in ranks]
    ready, _ = ray.wait(futures, num_returns=len(futures), timeout=START_S)
    if len(ready) < len(futures):
        offered = ray.cluster_resources()
        raise TrainError(
            f"ray: only {len(ready)} of {len(ranks)} processes found a place within "
            f"{START_S:.0f} s (the cluster has {offered.get('CPU', 0):g} CPUs and "
            f"{offered.get('GPU', 0):g} GPUs); ask for fewer --processes, or add a node."
        )
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
        done, waiting = ray.wait(waiting, num_returns=1)
        error = _error(ray, done[0])
        if error is None:
            continue
        # Where one is lost, the others fail for want of it, and may do so first.
        ready, _ = ray.wait(futures, num_returns=len(futures), timeout=LOSS_S)
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
