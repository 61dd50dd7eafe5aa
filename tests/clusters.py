"""Real Ray clusters of several nodes on this machine, and ways to hurt them."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from budgets.cluster import SETTINGS

ROOT = Path(__file__).parents[1]
TASK = b"ray::_run_checked"  # the title of a process while it has a task of ours
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
