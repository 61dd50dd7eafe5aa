"""A Ray cluster: tasks on every CPU it has, through the loss of workers and of whole nodes."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from math import inf
from typing import Any

from maenas.budgets.cluster import (
    LOOK_S,
    ask_nodes,
    done_among,
    here,
    joined,
    line,
    reachable,
    require_head,
    require_same,
    say,
)
from maenas.nas.executors.executor import (
    Answer,
    Executor,
    ExecutorError,
    Item,
    Shared,
    Value,
    key_of,
)
from maenas.nas.executors.stream import Stream, WorkerLost, run_batch

START_S = 60.0  # until some CPU must be free for us
SILENCE_S = 30.0  # without a result before we say what we wait for


class Differs(Exception):
    """A node, and what is other there than where the search was started."""


class RayCluster(Executor):
    """Ray tasks, one a CPU; a worker or node that is lost has its tasks run elsewhere.

    So does a node that joins with other versions than ours.

    Args:
        address: as `budgets.cluster.joined` understands it.
        cpus: of a cluster that is started here; all if None.
        start_s: seconds until some CPU must be free.
    Raises:
        ClusterError: if there is no such cluster, or a node has other versions.
        ExecutorError: if it has no CPU free for us.
    """

    def __init__(self, address: str, cpus: int | None = None, start_s: float = START_S) -> None:
        self._stack = ExitStack()
        self._ray = self._stack.enter_context(joined(address, cpus))
        self._start_s = start_s
        self._looked = -inf
        self._cpus: dict[str, int] = {}  # of each node that may be used
        self._shunned: dict[str, str] = {}  # nodes that joined with other versions, and with which
        self._sent = 0
        try:
            require_same(ask_nodes(self._ray))
            self._look()
            self._run = self._ray.remote(num_cpus=1, max_retries=0)(_run_checked)
            self._require_cpu()
        except BaseException:
            self.close()
            raise

    @property
    def workers(self) -> int:
        """CPUs of the cluster now: nodes come and go."""
        if time.monotonic() - self._looked > LOOK_S:
            self._look()
        return max(1, sum(self._cpus.values()))

    def map(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        return Stream(self, function, items)

    def share(self, value: Value) -> Shared[Value]:
        content = pickle.dumps(value)
        with reachable(self._ray):
            return Shared(value, key_of(content), partial(_fetch, self._ray.put(content)))

    def close(self) -> None:
        self._stack.close()

    # What a stream needs.

    def start(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Any:
        run = self._run
        if self._shunned:
            run = run.options(scheduling_strategy=self._place())
        with reachable(self._ray):
            return run.remote(here(), function, list(items))

    def wait(self, tickets: Sequence[Any]) -> Sequence[Any]:
        """Those that are done; while there is nothing to say for long, tell why."""
        ray, began = self._ray, time.monotonic()
        gone: float | None = None  # since when there is no CPU at all
        while True:
            if done_among(ray, tickets, SILENCE_S):
                done = set(done_among(ray, tickets, 0, count=len(tickets)))
                return [ticket for ticket in tickets if ticket in done]
            free, cpus = self._free_cpus()
            gone = (gone or time.monotonic()) if cpus == 0 else None
            if gone is not None and time.monotonic() - gone > self._start_s:
                raise ExecutorError(
                    "ray: no node with a CPU is left in the cluster; start one with `ray start "
                    "--address ...` and go on with --resume."
                )
            say(
                f"ray: nothing came back for {time.monotonic() - began:.0f} s: {free:g} of "
                f"{cpus:g} CPUs free"
            )

    def result(self, ticket: Any) -> tuple[float, list[Any]]:
        errors = self._ray.exceptions
        try:
            found: tuple[float, list[Any]] = self._ray.get(ticket)
        except errors.RayTaskError as error:
            if isinstance(error.cause, Differs):
                self._shun(*error.cause.args)
                raise WorkerLost(error.cause.args[1]) from None
            raise error.cause from None
        except errors.RaySystemError as error:
            raise ExecutorError(f"ray: {line(error)}") from None
        except errors.RayError as error:
            raise WorkerLost(line(error)) from None
        except OSError as error:
            raise WorkerLost(line(error)) from None  # the next call tells if the cluster is gone
        return found

    def _free_cpus(self) -> tuple[float, float]:
        """How many CPUs are free, and how many there are."""
        with reachable(self._ray):
            free, every = self._ray.available_resources(), self._ray.cluster_resources()
        return free.get("CPU", 0), every.get("CPU", 0)

    def _place(self) -> Any:
        """A node for the next batch, by turns, once there are some that must not have it.

        Raises:
            ExecutorError: if there is no other.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        places = [node for node, cpus in self._cpus.items() for _ in range(cpus)]
        if not places:
            different = "; ".join(self._shunned.values())
            raise ExecutorError(
                f"ray: no node is left that is like this machine: {different}; install the same on "
                "all and go on with --resume."
            )
        self._sent += 1
        return NodeAffinitySchedulingStrategy(places[self._sent % len(places)], soft=False)

    def _shun(self, node: str, different: str) -> None:
        """Send a node nothing more."""
        if node not in self._shunned:
            say(f"ray: a node that joined is not used: {different}")
        self._shunned[node] = different
        self._cpus.pop(node, None)

    def _look(self) -> None:
        """See which nodes there are."""
        require_head(self._ray)  # or Ray would wait for it, and end this process
        self._looked = time.monotonic()
        with reachable(self._ray):
            nodes = [node for node in self._ray.nodes() if node["Alive"]]
        self._cpus = {
            node["NodeID"]: int(node["Resources"].get("CPU", 0))
            for node in nodes
            if node["NodeID"] not in self._shunned
        }

    def _require_cpu(self) -> None:
        """Make sure that some task runs at all: Ray would wait for ever without a word."""
        ray = self._ray
        probe, began = self.start(abs, [1]), time.monotonic()
        free, cpus = self._free_cpus()
        while (left := began + self._start_s - time.monotonic()) > 0:
            if done_among(ray, [probe], min(left, SILENCE_S)):
                try:
                    self.result(probe)
                    return
                except WorkerLost:
                    probe = self.start(abs, [1])
                    continue
            free, cpus = self._free_cpus()
            say(f"ray: waiting for a CPU: {free:g} of {cpus:g} are free")
        ray.cancel(probe, force=True)
        raise ExecutorError(
            f"ray: no CPU became free within {self._start_s:.0f} s ({free:g} of {cpus:g} are); "
            "`ray status` tells who holds them, `ray start --address ...` adds a node."
        )


def _run_checked(
    versions: dict[str, str], function: Callable[[Item], Answer], items: Sequence[Item]
) -> tuple[float, list[Answer]]:
    """Tasks on a node, which may have joined after all were asked for their versions.

    Raises:
        Differs: with the node and its versions, if they are others.
    """
    import ray as untyped

    ray: Any = untyped
    for name, version in versions.items():
        if here()[name] != version:
            context = ray.get_runtime_context()
            address = ray.util.get_node_ip_address()
            raise Differs(
                context.get_node_id(),
                f"{address} has {name} {here()[name]}, the search {version}",
            )
    return run_batch(function, items)


def _fetch(reference: Any) -> bytes:
    """What was put into Ray's store."""
    import ray as untyped

    ray: Any = untyped
    content: bytes = ray.get(reference)
    return content
