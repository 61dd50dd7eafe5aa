"""A device on a node of a Ray cluster: one exclusive actor owns it while it is measured."""

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

WAIT_S = 15.0  # for the device before we say that it is taken
RAY_NAMES = {"CPU", "GPU", "memory", "object_store_memory"}  # resources that are no devices


class DeviceActor:
    """Lives on the node that owns the device; compiles graphs there and runs them."""

    def __init__(self) -> None:
        self._sessions: dict[int, Session] = {}
        self._opened = 0

    def open(
        self, device: str, precision: str | None, threads: int | None
    ) -> tuple[Target, str, bool, dict[str, str]]:
        """Target, runtime, whether it tells layers, and the versions there.

        Not in the constructor: what that raises loses its type on the way.

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
        """Of the backend there, and the node."""
        return {**self._backend.provenance(), "node": platform.node()}

    def compile(self, graph: bytes, layers: bool) -> tuple[int, Any, str]:
        """Number, precision and note of a session for a serialised graph."""
        import onnx

        session = self._backend.compile(onnx.load_from_string(graph), layers)
        self._opened += 1
        self._sessions[self._opened] = session
        return self._opened, session.precision, session.note

    def run(self, number: int, count: int) -> Run:
        """Inferences of a session."""
        return self._sessions[number].run(count)

    def close(self, number: int) -> None:
        """Drop a session."""
        self._sessions.pop(number).close()


class RayBackend(Backend):
    """The backend of another machine, through its actor; the times are taken over there.

    Whoever comes while another job is measuring waits for its turn, and is told so.

    Args:
        device: as `parse_target` understands it on that node. One with a name of its own, such as
            "t4", is on a node whose Ray offers a resource called so.
        precision: None for the runtime's own.
        threads: of a CPU.
        address: of the cluster; "auto" for the one this machine belongs to, "local" to start one.
    Raises:
        BackendError: if no node owns the device, or maenas there is of another version.
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
        """Free the device for others."""
        self._stack.close()

    def _claimed(self, device: str, threads: int | None) -> Any:
        """The actor that owns the device, which Ray starts as soon as the device is free."""
        options = _placement(_offers(self._ray), device, threads)
        remote: Any = self._ray.remote(DeviceActor)  # its methods get `.remote` when it is made
        with reachable(self._ray):
            return remote.options(**options).remote()

    def _opened(self, device: str, precision: str | None, threads: int | None) -> Any:
        """What the actor says once it runs; until then whoever waits is told."""
        future = self._actor.open.remote(device, precision, threads)
        began = time.monotonic()
        while not done_among(self._ray, [future], WAIT_S):
            say(
                f"ray: {device} is taken, by another job or by tasks; waiting for it since "
                f"{time.monotonic() - began:.0f} s (`ray status` tells what is in use)"
            )
        return self._call(future)

    def _call(self, future: Any) -> Any:
        """What a call of the actor gives, its errors as they were over there."""
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
                "with --resume goes on."
            ) from None


class _RaySession(Session):
    """A session over there."""

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
    """Make sure that some node of a cluster owns a device.

    Raises:
        BackendError: if none does; says how to offer it.
        ClusterError: if the cluster cannot be reached.
    """
    with joined(address) as ray:
        _placement(_offers(ray), target.device, target.threads)


def _offers(ray: Any) -> list[Mapping[str, float]]:
    """What each living node offers."""
    with reachable(ray):
        return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _placement(
    nodes: Sequence[Mapping[str, float]], device: str, threads: int | None
) -> dict[str, Any]:
    """Where the actor goes, and all of the device that it claims.

    A device has several names, such as cpu and onnxruntime-cpu, and must be claimed alike by all
    of them. A CPU is claimed with all that its node has, since what ran beside would be measured
    too; of unequal nodes it is the largest.

    Args:
        nodes: what each of them offers.
        device: by name.
        threads: of a CPU.
    Raises:
        BackendError: if no node has it.
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
                f"ray: {threads or 1} threads are asked, no node has more than {max(cpus):g} CPUs."
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
        raise BackendError(f"ray: {device!r} is no device; name cpu, cuda or a GPU, such as t4.")
    names_offered = ", ".join(sorted(offered)) or "nothing by name"
    raise BackendError(
        f"ray: no node owns {device!r} (offered: {names_offered}); start Ray there "
        f"with --resources '{{\"{device}\": 1}}'."
    )
