"""A device on a node of a Ray cluster is measured over there, by one job at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from budgets.backends.backend import BackendError
from budgets.backends.ray_cluster import RayBackend
from budgets.graph.operator_graph import reference_graph

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,  # a cluster takes ten seconds to start
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    options = {"log_to_driver": False, "logging_level": "error", "namespace": "maenas"}
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
    assert (backend.target.name, backend.has_layers) == ("cpu-1t", True)
    session.close()
    backend.close()


def test_only_one_job_measures_on_a_device() -> None:
    backend = RayBackend("cpu", None, 1, "local")
    with pytest.raises(BackendError, match="another job is measuring on cpu"):
        RayBackend("cpu", None, 1, "local")
    backend.close()


def test_a_device_that_no_node_owns_says_how_to_offer_it() -> None:
    with pytest.raises(BackendError, match="--resources"):
        RayBackend("t4", None, None, "local")


def test_errors_of_the_node_keep_their_words() -> None:
    with pytest.raises(BackendError, match="precision: cpu is measured in"):
        RayBackend("cpu", "f4", 1, "local")
    with pytest.raises(BackendError, match="99 threads"):
        RayBackend("cpu", None, 99, "local")


def test_a_node_that_is_lost_is_a_clear_error() -> None:
    backend = RayBackend("cpu", None, 1, "local")
    session = backend.compile(reference_graph())
    backend.close()
    with pytest.raises(BackendError, match="node is gone"):
        session.run(1)
