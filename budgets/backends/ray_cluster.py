"""A device on a node of a Ray cluster: one exclusive actor owns it while it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from budgets.backends.backend import Backend, BackendError, Run, Session
from budgets.backends.load import Target, open_backend, parse_target

if TYPE_CHECKING:
    import onnx

START_S = 120  # until the actor must run: it may have to wait for its node
PACKAGE = "maenas"


class DeviceActor:
    """Lives on the node that owns the device; compiles graphs there and runs them."""

    def __init__(self) -> None:
        self._sessions: dict[int, Session] = {}
        self._opened = 0

    def open(
        self, device: str, precision: str | None, threads: int | None
    ) -> tuple[Target, str, bool, str]:
        """Target, runtime, whether it tells layers, and the version of maenas there.

        Not in the constructor: what that raises loses its type on the way.

        Raises:
            BackendError: if the device is not on that node, or its runtime is missing.
        """
        target = parse_target(device, precision, threads)
        self._backend = open_backend(target)
        return target, self._backend.name, self._backend.has_layers, version(PACKAGE)

    def provenance(self) -> dict[str, str | int | float]:
        """Of the backend there."""
        return dict(self._backend.provenance())

    def compile(self, graph: bytes, layers: bool) -> tuple[int, Any]:
        """Number and precision of a session for a serialised graph."""
        import onnx

        session = self._backend.compile(onnx.load_from_string(graph), layers)
        self._opened += 1
        self._sessions[self._opened] = session
        return self._opened, session.precision

    def run(self, number: int, count: int) -> Run:
        """Inferences of a session."""
        return self._sessions[number].run(count)

    def close(self, number: int) -> None:
        """Drop a session."""
        self._sessions.pop(number).close()


class RayBackend(Backend):
    """The backend of another machine, through its actor; the times are taken over there.

    Args:
        device: as `parse_target` understands it on that node. One with a name of its own, such as
            "t4", is on the node whose Ray offers a resource called so.
        precision: None for the runtime's own.
        threads: of a CPU.
        address: of the cluster; "auto" for the one this machine belongs to, "local" to start one.
    Raises:
        BackendError: if the cluster cannot be reached, no node owns the device, another job is
            measuring on it, or maenas there is of another version.
    """

    def __init__(
        self, device: str, precision: str | None, threads: int | None, address: str
    ) -> None:
        import ray as untyped

        ray: Any = untyped
        self._ray = ray
        self.address = address
        try:
            if not ray.is_initialized():
                ray.init(
                    address=address,
                    namespace=PACKAGE,  # or a name would only be known to this job
                    log_to_driver=False,
                    logging_level="error",
                )
        except Exception as error:  # of many unrelated types
            raise BackendError(
                f"ray: no cluster at {address!r}: {_line(error)}; start one with "
                "`ray start --head`."
            ) from None
        options = _placement(ray.cluster_resources(), device, threads)
        remote: Any = ray.remote(DeviceActor)  # its methods get `.remote` when it is made
        try:
            self._actor = remote.options(name=f"{PACKAGE}-{device}", **options).remote()
        except ValueError:
            raise BackendError(
                f"ray: another job is measuring on {device}; wait for it, or end it."
            ) from None
        self.target, self.name, self.has_layers, there = self._call(
            self._actor.open.remote(device, precision, threads), START_S
        )
        if there != version(PACKAGE):
            self.close()
            raise BackendError(
                f"ray: the node of {device} has {PACKAGE} {there}, this machine "
                f"{version(PACKAGE)}; install the same on both."
            )

    def compile(self, model: onnx.ModelProto, layers: bool = False) -> Session:
        number, precision = self._call(
            self._actor.compile.remote(model.SerializeToString(), layers)
        )
        return _RaySession(self, number, precision)

    def provenance(self) -> Mapping[str, str | int | float]:
        found: Mapping[str, str | int | float] = self._call(self._actor.provenance.remote())
        return found

    def close(self) -> None:
        """Free the device for others."""
        self._ray.kill(self._actor)

    def _call(self, future: Any, seconds: float | None = None) -> Any:
        """What a call of the actor gives, its errors as they were over there."""
        ray = self._ray
        try:
            return ray.get(future, timeout=seconds)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, BackendError):
                raise BackendError(f"{error.cause.args[0]}") from None
            raise
        except ray.exceptions.GetTimeoutError:
            self.close()
            raise BackendError(
                f"ray: the device was not free within {START_S} s; `ray status` tells who holds it."
            ) from None
        except ray.exceptions.RayActorError as error:
            cause = getattr(error, "cause", None) or error
            raise BackendError(f"ray: the device's node is gone: {_line(cause)}") from None


class _RaySession(Session):
    """A session over there."""

    def __init__(self, backend: RayBackend, number: int, precision: Any) -> None:
        self._backend = backend
        self._number = number
        self.precision = precision

    def run(self, count: int) -> Run:
        future = self._backend._actor.run.remote(self._number, count)
        run: Run = self._backend._call(future)
        return run

    def close(self) -> None:
        self._backend._call(self._backend._actor.close.remote(self._number))


def _placement(resources: Mapping[str, float], device: str, threads: int | None) -> dict[str, Any]:
    """Where the actor goes, and all of the device that it claims.

    Raises:
        BackendError: if no node has it.
    """
    if device in resources:
        return {"num_cpus": 0, "resources": {device: 1}}
    if device.endswith("cpu"):
        if (threads or 1) > resources.get("CPU", 0):
            there = resources.get("CPU", 0)
            raise BackendError(f"ray: the cluster has {there:g} CPUs, {threads} threads are asked.")
        return {"num_cpus": threads or 1}
    if device in ("cuda", "tensorrt", "torch-cuda") and resources.get("GPU"):
        return {"num_cpus": 0, "num_gpus": 1}
    known = sorted(name for name in resources if ":" not in name)
    raise BackendError(
        f"ray: no node owns {device!r} (resources: {', '.join(known)}); start Ray there with "
        f"--resources '{{\"{device}\": 1}}'."
    )


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]
