"""Real Ray clusters of several nodes on this machine, and ways to hurt them."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maenas.budgets.cluster import SETTINGS
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[1]
TASK = b"ray::_run_checked"  # the title of a process while it has a task of ours
START_S = PATIENCE_S
NODE = {"include_dashboard": False, "object_store_memory": 100_000_000}


@contextmanager
def cluster_of(*nodes: Mapping[str, Any], head_cpus: int = 1) -> Iterator[Any]:
    """A head and more nodes, as `ray start` would start them; all gone at the end."""
    from ray.cluster_utils import Cluster

    os.environ.update(SETTINGS)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)  # of the workers
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": head_cpus})
    try:
        for node in nodes:
            cluster.add_node(**NODE, **node)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@contextmanager
def guarded_head(home: Path) -> Iterator[str]:
    """The address of a head started by `ray start` that lets in who shows the token of `home`."""
    (home / ".ray").mkdir(parents=True)
    (home / ".ray" / "auth_token").write_text("t" * 64)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    environ |= SETTINGS | {"HOME": str(home), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
            *("--port", str(port), "--num-cpus", "1", "--include-dashboard", "false"),
        ],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()  # ends what it started, too
        process.wait(START_S)


def workers_of(cluster: Any) -> list[int]:
    """Processes that have a task of this cluster."""
    raylets = {
        info.process.pid for node in cluster.list_all_nodes() for info in processes(node, "raylet")
    }
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            title = (entry / "cmdline").read_bytes()
        except (OSError, ValueError):  # it has just ended
            continue
        if parent in raylets and title.startswith(TASK):  # agents of Ray's are called alike
            found.append(int(entry.name))
    return found


def processes(node: Any, kind: str) -> list[Any]:
    """Processes of one kind of a node."""
    found: list[Any] = node.all_processes.get(kind, [])
    return found


def kill_a_worker(cluster: Any, rng: random.Random) -> bool:
    """End one process that is at work, without warning; whether there was one."""
    workers = workers_of(cluster)
    if not workers:
        return False
    try:
        os.kill(rng.choice(workers), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
