"""An executor on all CPUs of a Ray cluster; it survives the loss of workers and nodes."""

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

START_S = 60.0  # seconds until at least one CPU must be free
SILENCE_S = 30.0  # seconds without a result before a line says what the search waits for


class Differs(Exception):
    """A node and how its environment differs from the driver's."""


class RayCluster(Executor):
    """Executor of Ray tasks, one per CPU; tasks of a lost worker or node run on another node.

    A node that joins with versions other than the driver's receives no further tasks.

    Args:
        address: address of the cluster, in the form that `budgets.cluster.joined` accepts.
        cpus: number of CPUs of a cluster that is started here; all if None.
        start_s: seconds until at least one CPU must be free.
    Raises:
        ClusterError: if there is no such cluster, or a node has other versions than the driver.
        ExecutorError: if no CPU of the cluster is free.
    """

    def __init__(self, address: str, cpus: int | None = None, start_s: float = START_S) -> None:
        self._stack = ExitStack()
        self._ray = self._stack.enter_context(joined(address, cpus))
        self._start_s = start_s
        self._looked = -inf
        self._cpus: dict[str, int] = {}  # number of CPUs of each usable node
        self._shunned: dict[str, str] = {}  # difference of each node that has other versions
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
        """Current number of CPUs of the cluster; nodes may join and leave."""
        if time.monotonic() - self._looked > LOOK_S:
            self._look()
        return max(1, sum(self._cpus.values()))

    def map(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        return Stream(self, function, items)

    def as_completed(
        self, function: Callable[[Item], Answer], items: Sequence[Item]
    ) -> Iterator[tuple[int, Answer]]:
        return Stream(self, function, items).as_completed()

    def share(self, value: Value) -> Shared[Value]:
        content = pickle.dumps(value)
        with reachable(self._ray):
            return Shared(value, key_of(content), partial(_fetch, self._ray.put(content)))

    def close(self) -> None:
        self._stack.close()

    # The methods of `Workers`, which a stream calls.

    def start(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Any:
        run = self._run
        if self._shunned:
            run = run.options(scheduling_strategy=self._place())
        with reachable(self._ray):
            return run.remote(here(), function, list(items))

    def wait(self, tickets: Sequence[Any]) -> Sequence[Any]:
        """The tickets that are done; reports the free CPUs if the wait is long."""
        ray, began = self._ray, time.monotonic()
        gone: float | None = None  # time at which the last CPU left
        while True:
            if done_among(ray, tickets, SILENCE_S):
                done = set(done_among(ray, tickets, 0, count=len(tickets)))
                return [ticket for ticket in tickets if ticket in done]
            free, cpus = self._free_cpus()
            gone = (gone or time.monotonic()) if cpus == 0 else None
            if gone is not None and time.monotonic() - gone > self._start_s:
                raise ExecutorError(
                    "ray: no node with a CPU is left in the cluster; start one with `ray start "
                    "--address ...` and continue with --resume."
                )
            say(
                f"ray: no result came back for {time.monotonic() - began:.0f} s: {free:g} of "
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
            raise WorkerLost(line(error)) from None  # the next call reports a lost cluster
        return found

    def _free_cpus(self) -> tuple[float, float]:
        """Number of free CPUs and number of all CPUs."""
        with reachable(self._ray):
            free, every = self._ray.available_resources(), self._ray.cluster_resources()
        return free.get("CPU", 0), every.get("CPU", 0)

    def _place(self) -> Any:
        """The node for the next batch, in rotation, if some nodes must not be used.

        Raises:
            ExecutorError: if no usable node is left.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        nodes = [node for node, cpus in self._cpus.items() for _ in range(cpus)]
        if not nodes:
            different = "; ".join(self._shunned.values())
            raise ExecutorError(
                f"ray: no node is left that matches this machine: {different}; install the same on "
                "all and continue with --resume."
            )
        self._sent += 1
        return NodeAffinitySchedulingStrategy(nodes[self._sent % len(nodes)], soft=False)

    def _shun(self, node: str, different: str) -> None:
        """Send no further tasks to a node."""
        if node not in self._shunned:
            say(f"ray: a node that joined is not used: {different}")
        self._shunned[node] = different
        self._cpus.pop(node, None)

    def _look(self) -> None:
        """Update the list of nodes."""
        require_head(self._ray)  # or Ray would wait for the head and then end this process
        self._looked = time.monotonic()
        with reachable(self._ray):
            nodes = [node for node in self._ray.nodes() if node["Alive"]]
        self._cpus = {
            node["NodeID"]: int(node["Resources"].get("CPU", 0))
            for node in nodes
            if node["NodeID"] not in self._shunned
        }

    def _require_cpu(self) -> None:
        """Raise if no task can run; Ray itself would wait for ever without a message."""
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
            "`ray status` shows which jobs hold them, `ray start --address ...` adds a node."
        )


def _run_checked(
    versions: dict[str, str], function: Callable[[Item], Answer], items: Sequence[Item]
) -> tuple[float, list[Answer]]:
    """Run tasks on a node after a check of its versions; it may have joined after the first check.

    Raises:
        Differs: if a version on the node differs from the driver's; holds the node's id and both.
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
    """The content of an object in Ray's store."""
    import ray as untyped

    ray: Any = untyped
    content: bytes = ray.get(reference)
    return content
