"""Searches on real clusters of several nodes: what is lost is done again, what differs refused."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from pathlib import Path
from threading import Thread

import pytest

from maenas import __version__
from maenas.budgets.backends.remote_device import RayBackend
from maenas.budgets.cluster import ClusterError
from maenas.nas.executors import ExecutorError, opened_executor
from maenas.nas.executors.ray_cluster import RayCluster
from tests import executor_tasks as tasks
from tests.clusters import NODE, cluster_of, guarded_head, kill_a_worker, processes
from tests.cpu_table import cpu_table
from tests.maenas.conftest import ROOT, Shell
from tests.patience import PATIENCE_S

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,  # each cluster takes ten seconds to start
    pytest.mark.minutes,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]
KILLS = 20
DEADLINE_S = PATIENCE_S
ASKED = (
    *("search", "--budget", "3.8ms", "--device", "t4", "--evaluations", 400_000),
    *("--islands", 4, "--migrate-every", 10_000, "--finalists", 4, "--finalist-seeds", 4),
)
# What every Python of a node runs first.
OTHER_MAENAS = """
from importlib import metadata
true = metadata.version
metadata.version = lambda name: "0.0.1" if name == "maenas" else true(name)
"""
SAME = ("best.yaml", "history.jsonl", "state.json", "config.yaml", "curve.png", "scatter.png")


@pytest.fixture(scope="module")
def undisturbed(maenas: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The search in one process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    maenas(*ASKED, "--out", "run", cwd=folder)
    return folder / "run"


def assert_same(run: Path, undisturbed: Path) -> None:
    """Nothing lost, nothing twice: the same bytes."""
    for name in SAME:
        assert (run / name).read_bytes() == (undisturbed / name).read_bytes(), name
    told, wanted = (json.loads((f / "result.json").read_text("utf-8")) for f in (run, undisturbed))
    assert told["monte_carlo"] == wanted["monte_carlo"]
    rows = (run / "history.jsonl").read_text("utf-8").splitlines()[1:]
    genes = [json.dumps(json.loads(row)["genes"]) for row in rows]
    assert len(genes) == len(set(genes)) == told["unique_evaluations"]


def saved_once(process: subprocess.Popen[str], run: Path) -> subprocess.Popen[str]:
    """A search that has saved what it found so far and goes on."""
    began = time.monotonic()
    while not (run / "state.json").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() - began < DEADLINE_S
        time.sleep(0.01)
    return process


def test_workers_and_a_node_killed_at_random_change_nothing(
    undisturbed: Path, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    rng = random.Random(os.urandom(8))
    with cluster_of({"num_cpus": 1}, {"num_cpus": 1}) as cluster:
        nodes = list(cluster.worker_nodes)
        asked = (*ASKED, "--ray", cluster.address, "--out", "run", "--json")
        process = start(*asked, cwd=tmp_path)
        killed, began = 0, time.monotonic()
        while not (tmp_path / "run" / "history.jsonl").exists() and process.poll() is None:
            time.sleep(0.01)  # until it has begun
        while process.poll() is None and time.monotonic() - began < DEADLINE_S:
            time.sleep(rng.uniform(0.1, 0.9))
            killed += killed < KILLS and kill_a_worker(cluster, rng)
            if killed == KILLS // 2 and nodes:
                cluster.remove_node(nodes.pop(0), allow_graceful=False)
                nodes.clear()
        out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, err
    assert killed == KILLS
    assert "had to run again elsewhere" in err
    assert "Traceback" not in err
    assert "state-dump" not in err
    assert out.count("\n") == 1
    assert json.loads(out)
    assert_same(tmp_path / "run", undisturbed)


def test_a_driver_killed_and_resumed_ends_the_same(
    undisturbed: Path,
    start: Callable[..., subprocess.Popen[str]],
    maenas: Shell,
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    with cluster_of({"num_cpus": 1}) as cluster:
        options = ("--ray", cluster.address, "--out", "run")
        process = saved_once(start(*ASKED, *options, cwd=tmp_path), run)
        process.send_signal(signal.SIGKILL)
        process.wait()
        saved = json.loads((run / "state.json").read_text("utf-8"))
        assert 0 < saved["evaluations"] < 400_000
        assert not (run / "best.yaml").exists()
        maenas(*ASKED, *options, "--resume", cwd=tmp_path)
    assert_same(run, undisturbed)


def test_a_run_begun_on_a_cluster_goes_on_without_one(
    undisturbed: Path,
    start: Callable[..., subprocess.Popen[str]],
    maenas: Shell,
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    asked = (*ASKED, "--ray", "local", "--workers", 2, "--out", "run")
    process = saved_once(start(*asked, cwd=tmp_path), run)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=DEADLINE_S)
    maenas(*ASKED, "--resume", "--workers", 2, "--out", "run", cwd=tmp_path)
    assert_same(run, undisturbed)


def test_a_run_that_is_told_to_end_ends_at_once_and_goes_on(
    undisturbed: Path,
    start: Callable[..., subprocess.Popen[str]],
    maenas: Shell,
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    asked = (*ASKED, "--ray", "local", "--workers", 2, "--out", "run")
    process = saved_once(start(*asked, cwd=tmp_path), run)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=DEADLINE_S) == ("", "")
    assert process.returncode == -signal.SIGTERM
    maenas(*ASKED, "--resume", "--out", "run", cwd=tmp_path)
    assert_same(run, undisturbed)


@pytest.mark.parametrize("lost", [("gcs_server",), ("gcs_server", "raylet")], ids=str)
def test_a_search_whose_head_is_lost_says_so_and_goes_on_without(
    lost: tuple[str, ...],
    undisturbed: Path,
    start: Callable[..., subprocess.Popen[str]],
    maenas: Shell,
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    with cluster_of() as cluster:
        asked = (*ASKED, "--ray", cluster.address, "--out", "run", "--json")
        process = saved_once(start(*asked, cwd=tmp_path), run)
        for kind in lost:
            (info,) = processes(cluster.head_node, kind)
            info.process.kill()
        out, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, out) == (2, ""), err
    assert err.splitlines()[-1].startswith("error: ray: the cluster is gone (")
    assert "--resume continues" in err
    assert "Traceback" not in err
    maenas(*ASKED, "--resume", "--out", "run", cwd=tmp_path)
    assert_same(run, undisturbed)


def test_a_node_with_another_maenas_is_refused_and_both_are_named(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(OTHER_MAENAS)
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    node = {"num_cpus": 1, "env_vars": {"PYTHONPATH": path}}
    refused = pytest.raises(ClusterError, match=rf"maenas 0\.0\.1 there and {__version__} here")
    with cluster_of(node) as cluster, refused:
        opened_executor(1, cluster.address)


@pytest.mark.usefixtures("printed_records")
def test_a_node_that_joins_with_another_maenas_gets_no_work_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(OTHER_MAENAS)
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    with cluster_of() as cluster, opened_executor(1, cluster.address) as executor:
        results = executor.map(tasks.process, range(400))
        before = next(results)
        cluster.add_node(**NODE, num_cpus=1, env_vars={"PYTHONPATH": path})
        assert set(results) == {before}
    told = capsys.readouterr().err
    assert told.count("a node that joined is not used: ") == 1
    assert f"has maenas 0.0.1, the search {__version__}" in told


def test_a_cluster_whose_cpus_are_taken_is_an_error_and_no_silence() -> None:
    import ray

    with cluster_of() as cluster:
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        try:

            class Holder:
                def ready(self) -> bool:
                    return True

            holder = ray.remote(num_cpus=1)(Holder).remote()
            assert ray.get(holder.ready.remote())  # type: ignore[attr-defined]
            with pytest.raises(ExecutorError, match=r"no CPU became free within 3 s \(0 of 1 are"):
                RayCluster(cluster.address, start_s=3)
        finally:
            ray.shutdown()


def test_a_cluster_that_is_not_there_is_told_in_one_line(maenas: Shell, tmp_path: Path) -> None:
    ran = maenas(*ASKED, "--ray", "127.0.0.1:1", cwd=tmp_path, code=2)
    assert ran.err.splitlines()[-1].startswith("error: ray: no cluster at '127.0.0.1:1'")
    assert not (tmp_path / "runs").exists()


def test_a_server_that_is_not_ray_is_told_in_one_line(maenas: Shell, tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{other.server_port}"
        ran = maenas("checks", "--ray", address, cwd=tmp_path, code=2)
        other.shutdown()
    (told,) = ran.err.splitlines()
    assert told.startswith(f"error: ray: no cluster at '{address}': what listens there is not Ray")


def test_a_cluster_that_is_gone_is_told_in_one_line(maenas: Shell, tmp_path: Path) -> None:
    note = tmp_path / "ray" / "ray_current_cluster"
    note.parent.mkdir()
    note.write_text("127.0.0.1:1")  # as a cluster leaves it that was killed
    away = {"RAY_TMPDIR": str(tmp_path)}
    ran = maenas("checks", "--ray", "auto", cwd=tmp_path, environ=away, code=2)
    assert ran.err.splitlines()[-1].startswith("error: ray: no cluster at 'auto'")
    assert "refused" in ran.err


def test_a_head_that_wants_a_token_is_shown_it(maenas: Shell, tmp_path: Path) -> None:
    asked = ("checks", "--json", "--ray")
    with guarded_head(tmp_path) as address:
        home = {"HOME": str(tmp_path)}
        told = maenas(*asked, address, cwd=tmp_path, environ=home).json
        assert len(told["nodes"]) == 1
        without = {**home, "RAY_AUTH_MODE": "disabled"}
        ran = maenas(*asked, address, cwd=tmp_path, environ=without, code=2)
    last = ran.err.splitlines()[-1]
    assert last.startswith(f"error: ray: {address} answers, but refuses the connection")
    assert "the token in ~/.ray/auth_token must be equal on both" in last


def test_tasks_move_from_a_node_that_is_gone_to_the_others() -> None:
    with cluster_of({"num_cpus": 1}) as cluster, opened_executor(1, cluster.address) as executor:
        results = executor.map(tasks.process, range(200))
        seen = {next(results) for _ in range(50)}
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
        rest = [next(results) for _ in range(150)]
        assert len(seen) >= 2
        assert len(set(rest[-20:])) == 1


def test_finalists_wait_for_the_device_and_are_measured_on_the_node_that_owns_it(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    cpu_table().save(tmp_path / "mine.json")
    asked = (
        *("search", "--budget", "1000ms", "--device", "mine.json", "--template", "ns"),
        *("--evaluations", 1000, "--finalists", 0, "--verify", 2, "--json"),
    )
    with cluster_of({"num_cpus": 2, "resources": {"cpu": 1}}) as cluster:
        device = RayBackend("cpu", None, 1, cluster.address)
        try:
            process = start(*asked, "--ray", cluster.address, "--out", "run", cwd=tmp_path)
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            before = list(takewhile(lambda line: "ray: cpu is taken" not in line, lines))
            assert process.poll() is None, before
        finally:
            device.close()
        out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, err
    told = json.loads(out)
    assert len(told["verified"]) == 2
    assert f"ray: cpu is measured on node {told['measured_on']['node']}" in err
    assert told["measured_on"]["node"]
    assert told["measured_on"]["threads"] == 1
    assert "node: " in (tmp_path / "run" / "best.yaml").read_text("utf-8")
