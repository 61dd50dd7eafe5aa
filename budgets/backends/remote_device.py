"""A device on a node of a Ray cluster, owned by one exclusive actor while it is measured."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from maenas.budgets.backends.backend import Backend, BackendError, Run, Session
from maenas.budgets.backends.load import NAMES, ON_CPU, Target, open_backend, parse_target
from maenas.budgets.cluster import (
    done_among,
    first_words,
    here,
    joined,
    left_at_the_end,
    reachable,
    say,
)

if TYPE_CHECKING:
    import onnx

WAIT_S = 15.0  # wait for the device before reporting that it is in use
RAY_NAMES = {"CPU", "GPU", "memory", "object_store_memory"}  # resources that are not devices


class DeviceActor:
    """Ray actor on the node that owns the device, which compiles graphs there and runs them."""

    def __init__(self) -> None:
        self._sessions: dict[int, Session] = {}
        self._opened = 0

    def open(
        self, device: str, precision: str | None, threads: int | None
    ) -> tuple[Target, str, bool, dict[str, str]]:
        """Open the device; return target, runtime, whether layers are timed, and versions.

        This is not the constructor, because an error raised there loses its type in Ray.

        Raises:
            BackendError: if the device is not on that node, or its runtime is missing.
        """
        try:
            target = parse_target(device, precision, threads)
            self._backend = open_backend(target)
        except BackendError as error:
            raise BackendError(f"ray: node {platform.node()}: {error}") from None
        return target, self._backend.name, self._backend.has_layers, here()

    def provenance(self) -> dict[str, str | int | float]:
        """Return the provenance of the backend, with the name of the node."""
        return {**self._backend.provenance(), "node": platform.node()}

    def compile(self, graph: bytes, layers: bool) -> tuple[int, Any, str]:
        """Compile a serialised graph; return the session's number, precision and note."""
        import onnx

        session = self._backend.compile(onnx.load_from_string(graph), layers)
        self._opened += 1
        self._sessions[self._opened] = session
        return self._opened, session.precision, session.note

    def run(self, number: int, count: int) -> Run:
        """Run a session `count` times."""
        return self._sessions[number].run(count)

    def close(self, number: int) -> None:
        """Close a session."""
        self._sessions.pop(number).close()


class RayBackend(Backend):
    """The backend of another machine, used through its actor; times are measured on that machine.

    While another job is measuring on the device, this backend waits and reports that it waits.

    Args:
        device: device name as `parse_target` reads it on that node. A device with its own name,
            such as "t4", is on a node whose Ray offers a resource of that name.
        precision: number format; the default of the runtime if None.
        threads: number of threads on a CPU.
        address: address of the cluster; "auto" for the one this machine belongs to, "local" to
            start one.
    Raises:
        BackendError: if no node owns the device, or the node has another version of maenas.
        ClusterError: if the cluster cannot be reached.
    """

    def __init__(
        self, device: str, precision: str | None, threads: int | None, address: str
    ) -> None:
        self.address = address
        self._stack = ExitStack()
        self._ray = self._stack.enter_context(joined(address))
        device = device.strip().lower()
        try:
            self._actor = self._claimed(device, threads)
            self._stack.enter_context(left_at_the_end(partial(self._ray.kill, self._actor)))
            self.target, self.name, self.has_layers, there = self._opened(
                device, precision, threads
            )
            self.precision = self.target.precision
            for name, version in here().items():
                if there.get(name) != version:
                    raise BackendError(
                        f"ray: the node of {device} has {name} {there.get(name, 'missing')}, this "
                        f"machine {version}; install the same on both."
                    )
            say(f"ray: {device} is measured on node {self.provenance()['node']}")
        except BaseException:
            self.close()
            raise

    def compile(self, model: onnx.ModelProto, layers: bool = False) -> Session:
        number, precision, note = self._call(
            self._actor.compile.remote(model.SerializeToString(), layers)
        )
        return _RaySession(self, number, precision, note)

    def provenance(self) -> Mapping[str, str | int | float]:
        found: Mapping[str, str | int | float] = self._call(self._actor.provenance.remote())
        return found

    def close(self) -> None:
        """Release the device for other jobs."""
        self._stack.close()

    def _claimed(self, device: str, threads: int | None) -> Any:
        """Return the actor for the device; Ray starts it as soon as the device is free."""
        options = _placement(_offers(self._ray), device, threads)
        remote: Any = self._ray.remote(DeviceActor)  # Ray adds `.remote` to its methods
        with reachable(self._ray):
            return remote.options(**options).remote()

    def _opened(self, device: str, precision: str | None, threads: int | None) -> Any:
        """Open the device in the actor, and report while it waits to start."""
        future = self._actor.open.remote(device, precision, threads)
        began = time.monotonic()
        while not done_among(self._ray, [future], WAIT_S):
            say(
                f"ray: {device} is in use by another job or by tasks; waiting for it for "
                f"{time.monotonic() - began:.0f} s (`ray status` shows what is in use)"
            )
        return self._call(future)

    def _call(self, future: Any) -> Any:
        """Return the result of an actor call, or raise the error that the actor raised."""
        errors = self._ray.exceptions
        done_among(self._ray, [future])
        try:
            return self._ray.get(future)
        except errors.RayTaskError as error:
            if isinstance(error.cause, BackendError):
                raise BackendError(f"{error.cause.args[0]}") from None
            raise
        except (errors.RayError, OSError) as error:
            cause = getattr(error, "cause", None) or error
            raise BackendError(
                f"ray: the process that measured is lost ({first_words(cause)}); the same command "
                "with --resume continues."
            ) from None


class _RaySession(Session):
    """A session in the actor."""

    def __init__(self, backend: RayBackend, number: int, precision: Any, note: str) -> None:
        self._backend = backend
        self._number = number
        self.precision = precision
        self.note = note

    def run(self, count: int) -> Run:
        future = self._backend._actor.run.remote(self._number, count)
        run: Run = self._backend._call(future)
        return run

    def close(self) -> None:
        self._backend._call(self._backend._actor.close.remote(self._number))


def require_owner(address: str, target: Target) -> None:
    """Check that a node of the cluster owns a device.

    Raises:
        BackendError: if no node owns it; the message says how to offer it.
        ClusterError: if the cluster cannot be reached.
    """
    with joined(address) as ray:
        _placement(_offers(ray), target.device, target.threads)


def _offers(ray: Any) -> list[Mapping[str, float]]:
    """Return the resources of each living node."""
    with reachable(ray):
        return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _placement(
    nodes: Sequence[Mapping[str, float]], device: str, threads: int | None
) -> dict[str, Any]:
    """Return the Ray options that place the actor and claim the whole device.

    A device can have several names, such as cpu and onnxruntime-cpu, and each must claim the same
    resources. A CPU is claimed with all cores of its node, since other tasks would disturb the
    measurement. If the nodes have different numbers of CPUs, the actor takes the largest number.

    Args:
        nodes: resources of each node.
        device: name of the device.
        threads: number of threads on a CPU.
    Raises:
        BackendError: if no node has the device.
    """
    on_cpu = NAMES.get(device) in ON_CPU
    names = {device, "cpu"} if on_cpu else {device}
    offered = {name for resources in nodes for name in resources if ":" not in name} - RAY_NAMES
    resource = next((name for name in sorted(offered) if name.lower() in names), None)
    owners = [resources for resources in nodes if resource in resources]
    claimed = {"resources": {resource: 1}} if resource else {}
    if on_cpu:
        cpus = [resources.get("CPU", 0) for resources in owners or nodes]
        if not owners and (threads or 1) > max(cpus):
            raise BackendError(
                f"ray: {threads or 1} threads were requested, no node has more than "
                f"{max(cpus):g} CPUs."
            )
        return {"num_cpus": max(cpus), **claimed}
    with_gpus = [resources for resources in owners or nodes if resources.get("GPU")]
    if owners:
        return {"num_cpus": 0, "num_gpus": int(len(with_gpus) == len(owners)), **claimed}
    if device in NAMES and with_gpus:
        return {"num_cpus": 0, "num_gpus": 1}
    if device in NAMES:
        raise BackendError("ray: no node offers a GPU; start Ray there with --num-gpus 1.")
    if not device or device in {name.lower() for name in RAY_NAMES}:
        raise BackendError(f"ray: {device!r} is not a device; name cpu, cuda or a GPU, such as t4.")
    names_offered = ", ".join(sorted(offered)) or "nothing by name"
    raise BackendError(
        f"ray: no node owns {device!r} (offered: {names_offered}); start Ray there "
        f"with --resources '{{\"{device}\": 1}}'."
    )
