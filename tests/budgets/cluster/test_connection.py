"""A cluster of our own is closed to other machines, and its loss is one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from maenas.budgets.cluster.connection import (
    LEAST_RAY,
    ClusterError,
    _absent,
    _require_version,
    joined,
)
from maenas.budgets.cluster.raylet_watch import raylet_pid
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
ANYWHERE = {"00000000", "0" * 32}  # addresses of /proc/net/tcp that take in every interface
LOOPBACK = ("0100007F", "0000000000000000FFFF00000100007F", "0" * 24 + "01000000")
LISTENS = "0A"
DRIVER = """
import os, time, ray
from maenas.budgets.cluster.connection import done_among, joined
from maenas.budgets.cluster.raylet_watch import raylet_pid
with joined("local", 1) as ray:
    pid = raylet_pid(ray._private.worker._global_node.raylet_socket_name)
    print(pid, flush=True)
    wait = ray.remote(num_cpus=1)(lambda seconds: time.sleep(seconds))
    while True:
        done_among(ray, [wait.remote(0.05)])
"""


def test_a_cluster_that_cannot_be_started_here_is_not_looked_for_elsewhere() -> None:
    told = str(_absent("local", TimeoutError("The current node timed out during startup.")))
    assert told.startswith("ray: cannot start a cluster on this machine: The current node timed")
    assert "--ray local" not in told
    assert "or use --ray local" in str(_absent("10.0.0.1:6379", OSError("refused")))


def below(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from below(int(child))


def sockets_of(pid: int) -> set[str]:
    links = (os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink())
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def addresses_listened_on(pids: set[int]) -> set[str]:
    inodes = {inode for pid in pids for inode in sockets_of(pid)}
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {row[1].partition(":")[0] for row in rows if row[3] == LISTENS and row[9] in inodes}


@pytest.mark.slow
def test_a_cluster_of_our_own_listens_on_the_loopback_interface_alone() -> None:
    with joined("local", 1) as ray:
        assert ray.get(ray.remote(num_cpus=1)(lambda: 1).remote()) == 1
        found = addresses_listened_on(set(below(os.getpid())))
    assert found
    assert found <= set(LOOPBACK)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["raylet", "ray::RuntimeEnvAgent"])
def test_a_lost_raylet_or_agent_is_one_line_and_exit_code_2(tmp_path: Path, victim: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    raylet = int(process.stdout.readline())
    titles = {
        pid: Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        for pid in below(raylet)
    }
    pid = raylet if victim == "raylet" else next(p for p, t in titles.items() if victim in t)
    os.kill(pid, signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, err
    assert err.count("error: ray: the cluster is gone") == 1
    assert err.rstrip().endswith("with --resume continues, on another cluster or without one.")


def test_a_raylet_that_is_not_there_has_no_process() -> None:
    assert raylet_pid("/nowhere/sockets/raylet") is None


def test_a_ray_without_tokens_is_refused_and_the_project_asks_for_none() -> None:
    for version in ("2.40.0", "2.51.2", "1.99"):
        with pytest.raises(ClusterError, match=rf"version {version} .* pip install 'ray>=2.52'"):
            _require_version(version)
    for version in ("2.52.0", "2.60.0rc1", "3.0"):
        _require_version(version)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"ray>={'.'.join(map(str, LEAST_RAY))}" in str(project)
