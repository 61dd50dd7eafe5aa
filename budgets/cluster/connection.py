"""Connection to a Ray cluster: join it, compare the versions of its nodes, explain its errors."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from maenas.blocks.errors import MaenasError
from maenas.blocks.plugins.extras import require
from maenas.budgets.cluster.output import line, muffled, say, to_stderr
from maenas.budgets.cluster.raylet_watch import raylet_watched
from maenas.budgets.cluster.versions import here
from maenas.budgets.usage_reports import REPORTS_OFF

ANSWER_S = 120.0  # timeout for a node to report its versions, including the start of Python there
STARTS = 3  # attempts to start a local cluster
KNOCK_S = 10.0  # timeout for a connection to the head of a cluster
LOOK_S = 5.0  # interval between two checks of the head
RETURN_S = 20.0  # timeout for the head to come back; after 60 s Ray ends this process silently
STORE_BYTES = 200_000_000  # object store of a node that maenas starts; messages are small
SETTINGS = {  # environment variables that Ray reads
    **REPORTS_OFF,
    "RAY_COLOR_PREFIX": "0",  # no colours in the output of the nodes
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # otherwise Ray warns of a coming change
    "RAY_NUM_REDIS_GET_RETRIES": "2",  # each takes 40 s where the head refuses the client
}
# First bytes of an HTTP/2 connection (RFC 9113, section 3.4): byte 3 of a frame is its type.
HTTP2_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HTTP2_SETTINGS
LEAST_RAY = (2, 52)  # first version with token authentication
TOKEN = "~/.ray/auth_token"  # the user's token for all clusters
QUIET = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}


class ClusterError(MaenasError):
    """The cluster cannot be reached, lacks something, or has a node with other versions."""


class ClusterGone(ClusterError):
    """The head of the cluster, or the connection to it, is lost.

    `ray.shutdown` would wait for the head and after a minute abort this process with a C++
    message. The code that catches this error must therefore end the process with `os._exit`.
    """


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """One node of a cluster; a machine can hold several.

    Attributes:
        id: Ray's identifier of the node.
        address: network address of the machine.
        resources: Ray resources that the node offers, such as {"CPU": 8.0, "t4": 1.0}.
        versions: version of each package, and fingerprints of maenas's own files; empty if maenas
            is not installed there.
    """

    id: str
    address: str
    resources: Mapping[str, float]
    versions: Mapping[str, str]

    def differences(self, wanted: Mapping[str, str]) -> list[str]:
        """Describe each difference between this node's versions and the wanted ones."""
        return [
            f"{name} {self.versions.get(name, 'missing')} there and {version} here"
            for name, version in wanted.items()
            if self.versions.get(name) != version
        ]


@contextmanager
def joined(address: str, cpus: int | None = None, quiet: bool = True) -> Iterator[Any]:
    """Connect to a cluster and yield Ray; disconnect at the end if this call connected.

    Args:
        address: "auto" for the cluster this machine belongs to, "local" to start one here, else
            the address of the head, such as "10.0.0.1:6379" or "ray://10.0.0.1:10001".
        cpus: number of CPUs of the cluster that "local" starts; all if None.
        quiet: whether the output of the nodes stays on the nodes.
    Raises:
        ClusterError: if the cluster cannot be reached.
    """
    require("ray", f"ray {address}:", ClusterError)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import ray as untyped

    ray: Any = untyped
    if ray.is_initialized():
        yield ray
        return
    _require_version(ray.__version__)
    to_stderr(ray)
    options: dict[str, Any] = {**QUIET, "log_to_driver": not quiet}
    if address == "local":
        options |= {"num_cpus": cpus or os.cpu_count(), "object_store_memory": STORE_BYTES}
    if "://" in address and not address.startswith("ray://"):
        raise ClusterError(
            f"ray: an address is auto, local, HOST:PORT or ray://HOST:PORT, got {address!r}."
        )
    try:
        _knock(address)
    except OSError as error:
        raise _absent(address, error) from None
    try:
        try:
            _init(ray, address, options)
        except ConnectionError:
            if not _is_head(address) or not _shows_token():
                raise
            say(
                f"ray: {address} refuses the connection; trying once more with the token in {TOKEN}"
            )
            _init(ray, address, options)
    except ConnectionError as error:
        if not _is_head(address):
            raise _absent(address, error) from None
        raise ClusterError(
            f"ray: {address} answers, but refuses the connection: {line(error)}; its Ray must be "
            f"the version of this machine ({ray.__version__}), and RAY_AUTH_MODE and the token in "
            f"{TOKEN} must be equal on both."
        ) from None
    except Exception as error:  # Ray raises many unrelated types
        raise _absent(address, error) from None
    with left_at_the_end(ray.shutdown), raylet_watched(ray):
        yield ray


def _init(ray: Any, address: str, options: Mapping[str, Any]) -> None:
    """Connect to a cluster; retry if it is one that this process starts itself.

    A busy machine can need more than the thirty seconds that Ray allows for a start. The previous
    SIGTERM handler is restored, because Ray's handler prints a C++ stack. The processes that Ray
    started end with this process.
    """
    before = signal.getsignal(signal.SIGTERM)
    for left in reversed(range(STARTS if address == "local" else 1)):
        try:
            with _on_loopback() if address == "local" else muffled():
                ray.init(address=address, **options)
            return
        except Exception:
            ray.shutdown()  # a failed start leaves processes behind
            if not left:
                raise
        finally:
            if threading.current_thread() is threading.main_thread():  # others may not set it
                signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Make a cluster that starts in this context listen on the loopback interface only.

    No other machine can then reach it. Ray replaces 127.0.0.1 by a reachable address unless
    clusters are disabled for this system, as they are by default on Windows and macOS.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _require_version(version: str) -> None:
    """Raise `ClusterError` for a Ray without token authentication, which admits any client."""
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if found < LEAST_RAY:
        least = ".".join(map(str, LEAST_RAY))
        raise ClusterError(
            f"ray: version {version} has no token authentication; pip install 'ray>={least}'."
        )


def _absent(address: str, error: Exception) -> ClusterError:
    if address == "local":
        return ClusterError(
            f"ray: cannot start a cluster on this machine: {line(error)}; it may be too busy or "
            "short of memory: try again later, or without --ray."
        )
    return ClusterError(
        f"ray: no cluster at {address!r}: {line(error)}; start one with `ray start --head`, "
        "or use --ray local."
    )


def _shows_token() -> bool:
    """Switch token authentication on if a token exists and the user has not disabled it.

    Ray does this itself where it starts or finds a cluster, but not for the address of a head.

    Returns whether this process authenticates with a token from now on.
    """
    if "RAY_AUTH_MODE" in os.environ:
        return False
    from ray._private.authentication import authentication_token_setup as setup

    shows: bool = setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    return shows


def _is_head(address: str) -> bool:
    """Whether an address has the form host:port."""
    return address.rpartition(":")[2].isdigit()


def _last_started() -> str:
    """Return the address that Ray resolves "auto" to; "" if Ray has to look for a head.

    `ray start` writes this address, and so does a cluster that maenas started, which may have
    ended since.
    """
    note = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
    noted = note.read_text(encoding="utf-8").strip() if note.is_file() else ""
    return os.environ.get("RAY_ADDRESS") or noted


def _knock(address: str) -> None:
    """Check that a gRPC server listens at an address, since Ray retries for minutes or forever.

    Raises:
        OSError: if no gRPC server answers.
    """
    if address == "auto":
        address = _last_started()
    if not _is_head(address):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S) as head:
        if os.environ.get("RAY_USE_TLS") == "1":
            return
        head.sendall(HTTP2_HELLO)
        if head.recv(len(HTTP2_SETTINGS))[3:4] != HTTP2_SETTINGS[3:4]:
            raise OSError("what listens there is not Ray")


def done_among(
    ray: Any, futures: Sequence[Any], timeout: float | None = None, count: int = 1
) -> list[Any]:
    """Return the finished futures as soon as `count` have finished or `timeout` seconds are over.

    Raises:
        ClusterGone: if the head or the connection to it is lost while waiting.
    """
    until = inf if timeout is None else time.monotonic() + timeout
    while True:
        left = max(0.0, until - time.monotonic())
        with reachable(ray):
            done, _ = ray.wait(list(futures), num_returns=count, timeout=min(LOOK_S, left))
        if len(done) >= count or left <= LOOK_S:
            found: list[Any] = done
            return found
        require_head(ray)


@contextmanager
def reachable(ray: Any) -> Iterator[None]:
    """Turn the many errors that Ray calls raise after the loss of a cluster into one.

    Raises:
        ClusterGone: in place of Ray's error.
    """
    try:
        yield
    except (OSError, ray.exceptions.RayError) as error:
        raise _gone(line(error)) from None


def require_head(ray: Any) -> None:
    """Check that the head answers, and wait for one that is being restarted.

    Raises:
        ClusterGone: if the head does not come back.
    """
    if not ray._private.worker.global_worker.connected:  # ray://: its server watches the head
        return
    address = ray.get_runtime_context().gcs_address
    until = time.monotonic() + RETURN_S
    while True:
        try:
            _knock(address)
            return
        except OSError as error:
            if time.monotonic() > until:
                raise _gone(f"{address}: {line(error)}") from None
        time.sleep(1.0)


@contextmanager
def left_at_the_end(leave: Callable[[], object]) -> Iterator[None]:
    """Call a Ray function on exit, unless the cluster is lost: then the call would not return."""
    try:
        yield
    finally:
        if not _losses:
            leave()


_losses: list[str] = []  # reasons why the cluster was lost


def _gone(why: str) -> ClusterGone:
    _losses.append(why)
    return ClusterGone(
        f"ray: the cluster is gone ({why}); the same command with --resume continues, on another "
        "cluster or without one."
    )


def ask_nodes(ray: Any) -> list[ClusterNode]:
    """Return every living node with its versions.

    Raises:
        ClusterError: if a node does not answer.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as Pinned

    alive = [node for node in ray.nodes() if node["Alive"]]
    ask = ray.remote(_versions_there())
    answers = [
        ask.options(num_cpus=0, scheduling_strategy=Pinned(node["NodeID"], soft=False)).remote()
        for node in alive
    ]
    done = done_among(ray, answers, ANSWER_S, count=len(answers))
    found = []
    for node, answer in zip(alive, answers, strict=True):
        address = node["NodeManagerAddress"]
        if answer not in done:
            raise ClusterError(f"ray: node {address} did not answer within {ANSWER_S:.0f} s.")
        try:
            versions = ray.get(answer)
        except ray.exceptions.RayError as error:
            if not any(n["Alive"] for n in ray.nodes() if n["NodeID"] == node["NodeID"]):
                continue  # the node was lost, so no task will run there
            raise ClusterError(f"ray: node {address} cannot be asked: {line(error)}") from None
        resources = {
            name: amount
            for name, amount in node["Resources"].items()
            if not name.startswith(("node:", "object_store", "accelerator_type:"))
        }
        found.append(ClusterNode(node["NodeID"], address, resources, versions))
    return found


def require_same(nodes: list[ClusterNode]) -> None:
    """Refuse nodes whose versions could compute other results than this machine.

    Raises:
        ClusterError: if a node differs; the message names both versions.
    """
    for node in nodes:
        different = node.differences(here())
        if different:
            raise ClusterError(
                f"ray: node {node.address} ({node.id[:8]}) differs from this machine: "
                f"{', '.join(different)}; install the same on both."
            )


def _versions_there() -> Callable[[], dict[str, str]]:
    """Return the function that a node runs to report its versions.

    It is a nested function, so that Ray sends its code: the node may not have maenas installed.
    """

    def ask() -> dict[str, str]:
        try:
            from maenas.budgets.cluster.versions import here
        except ImportError:  # maenas is too old or not installed
            from importlib.metadata import PackageNotFoundError, version

            try:
                return {"maenas": version("maenas")}
            except PackageNotFoundError:
                return {}
        return here()

    return ask
