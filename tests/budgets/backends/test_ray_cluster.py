"""A device on a node of a Ray cluster is measured over there, by one job at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from budgets.backends.backend import BackendError
from budgets.backends.ray_cluster import RayBackend, _placement
from budgets.cluster import NAMESPACE
from budgets.graph.operator_graph import reference_graph

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,  # a cluster takes ten seconds to start
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    options = {
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": "error",
        "namespace": NAMESPACE,
    }
    ray.init(num_cpus=2, resources={"bench": 1}, **options)
    yield
    ray.shutdown()


def test_a_graph_runs_on_the_node_that_owns_the_device() -> None:
    backend = RayBackend("cpu", None, 1, "local")
    session = backend.compile(reference_graph(), layers=True)
    run = session.run(3)
    assert len(run.ms) == 3 and min(run.ms) > 0
    assert run.layers
    assert session.precision == "f32"
    assert backend.provenance()["threads"] == 1
    assert backend.provenance()["node"]
    assert (backend.target.name, backend.has_layers) == ("cpu-1t", True)
    session.close()
    backend.close()


def test_only_one_job_measures_on_a_device_and_others_wait_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = RayBackend("cpu", None, 1, "local")
    opened: list[RayBackend] = []
    waiting = threading.Thread(target=lambda: opened.append(RayBackend("cpu", None, 1, "local")))
    waiting.start()
    waiting.join(timeout=5)
    assert waiting.is_alive() and not opened
    first.close()
    waiting.join(timeout=60)
    assert opened[0].target.name == "cpu-1t"
    opened[0].close()
    told = capsys.readouterr().err
    assert told.count("another job is measuring on cpu; waiting for it to end") == 1


def test_a_device_offered_by_name_is_handed_to_one_job_at_a_time() -> None:
    assert _placement([{"CPU": 8}, {"CPU": 4, "t4": 1}], "t4", None) == {
        "num_cpus": 0,
        "resources": {"t4": 1},
    }


def test_threads_must_be_on_one_node() -> None:
    nodes = [{"CPU": 4.0}, {"CPU": 8.0}]
    assert _placement(nodes, "cpu", 8) == {"num_cpus": 8}
    with pytest.raises(BackendError, match="12 threads are asked, no node has more than 8 CPUs"):
        _placement(nodes, "cpu", 12)


def test_a_device_that_no_node_owns_says_how_to_offer_it() -> None:
    with pytest.raises(BackendError, match="--resources"):
        RayBackend("t4", None, None, "local")


def test_errors_of_the_node_keep_their_words() -> None:
    with pytest.raises(BackendError, match="precision: cpu is measured in"):
        RayBackend("cpu", "f4", 1, "local")
    with pytest.raises(BackendError, match="99 threads are asked"):
        RayBackend("cpu", None, 99, "local")


def test_a_node_that_is_lost_is_a_clear_error() -> None:
    backend = RayBackend("cpu", None, 1, "local")
    session = backend.compile(reference_graph())
    backend.close()
    with pytest.raises(BackendError, match="node is gone"):
        session.run(1)
