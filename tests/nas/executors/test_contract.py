"""What holds for every executor: in process, a pool of processes, a Ray cluster.

All default tests that need a cluster are here, since one takes seconds to start.
"""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import maenas.budgets.cluster.connection as cluster_module
from maenas.backbone_search.effort import Effort
from maenas.backbone_search.run import run_search
from maenas.blocks import SpecError
from maenas.budgets.cluster import ClusterError, ask_nodes, here, require_same
from maenas.cli.checks import checks as print_checks
from maenas.nas.executors import Executor, ExecutorError, InProcess, opened_executor, ray_cluster
from maenas.nas.executors.process_pool import ProcessPool
from maenas.nas.executors.ray_cluster import RayCluster
from tests import executor_tasks as tasks
from tests.maenas.conftest import SMALL_SPACE
from tests.patience import PATIENCE_S
from tests.small_search import small_config

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """Two CPUs of this machine."""
    pytest.importorskip("ray")
    with RayCluster("local", 2) as executor:
        yield executor


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with opened_executor(2) as executor:
        yield executor


@pytest.fixture(params=["in process", "process pool", "ray"])
def executor(request: pytest.FixtureRequest) -> Executor:
    fixtures = {"process pool": "pool", "ray": "cluster"}
    if request.param == "in process":
        return opened_executor(1)
    found: Executor = request.getfixturevalue(fixtures[request.param])
    return found


@pytest.fixture(params=["process pool", "ray"])
def workers(request: pytest.FixtureRequest) -> Executor:
    """An executor whose tasks run in processes of their own."""
    name = {"process pool": "pool", "ray": "cluster"}[request.param]
    found: Executor = request.getfixturevalue(name)
    return found


def test_results_are_those_of_the_function_in_order(executor: Executor) -> None:
    expected = [tasks.drawn(seed) for seed in range(300)]
    assert list(executor.map(tasks.drawn, range(300))) == expected


def test_the_order_is_that_of_the_items_though_the_first_takes_longest(executor: Executor) -> None:
    assert list(executor.map(tasks.slow_first, range(6))) == list(range(6))


def test_results_come_as_they_are_there_while_the_first_task_runs(
    workers: Executor, tmp_path: Path
) -> None:
    items = [(tmp_path, number, 5) for number in range(6)]
    completed = list(workers.as_completed(tasks.first_after_last, items))
    assert sorted(completed) == [(number, number) for number in range(6)]
    assert completed[0] != (0, 0)  # the last task is sent after a first result


def test_no_items_give_no_results(executor: Executor) -> None:
    assert list(executor.map(tasks.drawn, [])) == []


def test_an_error_keeps_its_type_and_words_and_comes_after_what_was_before(
    executor: Executor,
) -> None:
    results = executor.map(tasks.square_below_three, range(6))
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    with pytest.raises(SpecError, match="number: must be below 3, got 3"):
        next(results)


def test_after_an_error_there_is_more_to_do(executor: Executor) -> None:
    with pytest.raises(SpecError):
        list(executor.map(tasks.square_below_three, [5]))
    assert list(executor.map(tasks.square_below_three, [2])) == [4]


def test_two_streams_do_not_mix(executor: Executor) -> None:
    first, second = (executor.map(tasks.drawn, range(start, start + 40)) for start in (0, 100))
    both = list(zip(first, second, strict=True))
    assert both == [(tasks.drawn(seed), tasks.drawn(seed + 100)) for seed in range(40)]


def test_a_shared_value_comes_to_a_worker_once(workers: Executor) -> None:
    shared = workers.share(tasks.Loaded())
    found = set(workers.map(tasks.arrivals, [(shared, number) for number in range(200)]))
    assert {count for _, count in found} == {1}
    assert os.getpid() not in {pid for pid, _ in found}


def test_in_process_a_shared_value_is_the_value() -> None:
    value = tasks.Loaded()
    assert InProcess().share(value).value is value


def test_what_a_killed_worker_had_is_computed_again(workers: Executor, tmp_path: Path) -> None:
    before = workers.losses
    items = [(tmp_path, number) for number in range(7)]
    assert list(workers.map(tasks.killed_once, items)) == list(range(7))
    assert workers.losses > before


def test_a_closed_pool_leaves_no_process(tmp_path: Path) -> None:
    pool = ProcessPool(1)
    (pid,) = pool.map(tasks.process, [0])
    (worker,) = pool._pool._processes.values()
    pool.close()
    worker.join(timeout=PATIENCE_S)  # reaps it, so that its number is free
    assert (worker.pid, os.path.exists(f"/proc/{pid}")) == (pid, False)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_workers_of_this_machine_leave_signals_of_the_terminal_to_their_parent(
    pool: Executor,
) -> None:
    (blocked,) = pool.map(tasks.blocked_signals, [0])
    assert {signal.SIGINT, signal.SIGHUP} <= set(blocked)
    assert signal.SIGHUP not in tasks.blocked_signals(0)


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_are_refused(workers: int) -> None:
    with pytest.raises(SpecError, match="workers: must be at least 1"):
        opened_executor(workers)


def test_a_cluster_that_is_there_has_the_cpus_it_has() -> None:
    with pytest.raises(SpecError, match="--workers 2: a cluster has the CPUs that its nodes"):
        opened_executor(2, "auto")


# The nodes of a cluster.


def test_a_node_with_other_tables_is_refused_and_both_are_named(
    cluster: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = ask_nodes(cluster._ray)
    require_same(nodes)
    monkeypatch.setattr(cluster_module, "here", lambda: {**here(), "tables": "0123abcd"})
    words = rf"tables {here()['tables']} there and 0123abcd here; install the same on both"
    with pytest.raises(ClusterError, match=words):
        require_same(nodes)


@pytest.mark.usefixtures("printed_records")
def test_nodes_that_joined_with_another_torch_are_refused_at_their_first_batch(
    cluster: RayCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ray_cluster, "here", lambda: {**here(), "torch": "1.7.1"})
    monkeypatch.setattr(cluster, "_shunned", {})
    words = rf"has torch {here()['torch']}, the search 1.7.1"
    with pytest.raises(
        ExecutorError, match=f"no node is left that matches this machine: .*{words}"
    ):
        list(cluster.map(tasks.drawn, range(3)))
    assert capsys.readouterr().err.count("a node that joined is not used: ") == 1
    monkeypatch.setattr(cluster, "_looked", -math.inf)


def test_nodes_tell_what_they_offer(cluster: RayCluster) -> None:
    (node,) = ask_nodes(cluster._ray)
    assert node.resources["CPU"] == 2
    assert node.versions == here()


def test_checks_list_the_nodes(cluster: RayCluster, capsys: pytest.CaptureFixture[str]) -> None:
    print_checks("local", True)
    (node,) = json.loads(capsys.readouterr().out)["nodes"]
    assert node["resources"]["CPU"] == 2
    assert node["differs"] == []
    print_checks("local")
    last_node, _, _ = capsys.readouterr().out.splitlines()[-3:]
    assert "yes" in last_node


# Whole searches.


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of islands in one process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "small.yaml").write_text(SMALL_SPACE)
    run_search(small_config(folder), folder / "run", effort=Effort(finalists=0))
    return folder


def told(folder: Path) -> dict[str, bytes]:
    """What must be the same to the byte."""
    names = ("best.yaml", "history.jsonl", "state.json", "curve.png", "scatter.png")
    return {name: (folder / name).read_bytes() for name in names}


def test_a_search_is_the_same_on_every_executor(
    workers: Executor, undisturbed: Path, tmp_path: Path
) -> None:
    effort = Effort(finalists=0, executor=workers)
    run_search(small_config(undisturbed), tmp_path / "run", effort=effort)
    assert told(tmp_path / "run") == told(undisturbed / "run")
