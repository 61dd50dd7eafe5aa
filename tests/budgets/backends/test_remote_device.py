"""A device on a node of a Ray cluster is measured over there, by one job at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from maenas.budgets.backends import remote_device as ray_cluster
from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.remote_device import RayBackend, _placement
from maenas.budgets.graph.operator_graph import reference_graph
from tests.patience import PATIENCE_S

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.slow,  # a cluster takes ten seconds to start
    pytest.mark.minutes,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    options = {
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": "error",
    }
    ray.init(num_cpus=2, resources={"bench": 1}, **options)
    yield
    ray.shutdown()


def test_a_graph_runs_on_the_node_that_owns_the_device() -> None:
    backend = RayBackend("cpu", None, 1, "local")
    session = backend.compile(reference_graph(), layers=True)
    run = session.run(3)
    assert len(run.ms) == 3
    assert min(run.ms) > 0
    assert run.layers
    assert session.precision == "f32"
    assert backend.provenance()["threads"] == 1
    assert backend.provenance()["node"]
    assert (backend.target.name, backend.has_layers) == ("cpu-1t", True)
    session.close()
    backend.close()


@pytest.mark.parametrize("other", ["cpu", "onnxruntime-cpu"])
@pytest.mark.usefixtures("printed_records")
def test_only_one_job_measures_on_a_device_and_others_wait_for_it(
    other: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ray_cluster, "WAIT_S", 2.0)
    first = RayBackend("CPU", None, 1, "local")
    opened: list[RayBackend] = []
    waiting = threading.Thread(target=lambda: opened.append(RayBackend(other, None, 1, "local")))
    waiting.start()
    waiting.join(timeout=5)
    assert waiting.is_alive()
    assert not opened
    first.close()
    waiting.join(timeout=PATIENCE_S)
    assert opened[0].target.device == other
    opened[0].close()
    assert f"{other} is in use by another job or by tasks; waiting" in capsys.readouterr().err


T4, CPU_NODE = {"CPU": 4.0, "GPU": 1.0, "t4": 1.0}, {"CPU": 6.0, "cpu": 1.0}
PLAIN, LARGE = {"CPU": 4.0, "memory": 9.0, "node:10.0.0.1": 1.0}, {"CPU": 8.0}


@pytest.mark.parametrize(
    ("device", "nodes", "claimed"),
    [
        (
            "t4",
            [LARGE, {"CPU": 4, "t4": 1}],
            {"num_cpus": 0, "num_gpus": 0, "resources": {"t4": 1}},
        ),
        ("t4", [LARGE, T4], {"num_cpus": 0, "num_gpus": 1, "resources": {"t4": 1}}),
        ("t4", [{"CPU": 1, "T4": 1}], {"num_cpus": 0, "num_gpus": 0, "resources": {"T4": 1}}),
        ("cuda", [LARGE, T4], {"num_cpus": 0, "num_gpus": 1}),  # the same GPU, and so apart
        ("cpu", [PLAIN, LARGE], {"num_cpus": 8}),
        ("cpu", [LARGE, CPU_NODE], {"num_cpus": 6, "resources": {"cpu": 1}}),
        ("cpu", [CPU_NODE, {"CPU": 0, "cpu": 1}], {"num_cpus": 6, "resources": {"cpu": 1}}),
        ("onnxruntime-cpu", [LARGE, CPU_NODE], {"num_cpus": 6, "resources": {"cpu": 1}}),
        ("openvino-cpu", [LARGE, {"CPU": 0, "cpu": 1}], {"num_cpus": 0, "resources": {"cpu": 1}}),
    ],
)
def test_a_device_is_claimed_alike_by_all_of_its_names_and_whole(
    device: str, nodes: list[dict[str, float]], claimed: dict[str, Any]
) -> None:
    assert _placement(nodes, device, None) == claimed


def test_threads_must_be_on_one_node() -> None:
    assert _placement([PLAIN, LARGE], "cpu", 5) == {"num_cpus": 8}
    with pytest.raises(
        BackendError, match="12 threads were requested, no node has more than 8 CPUs"
    ):
        _placement([PLAIN, LARGE], "cpu", 12)


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("a100", r"no node owns 'a100' \(offered: cpu\); start Ray there with --resources"),
        ("cuda", "no node offers a GPU; start Ray there with --num-gpus 1"),
        ("memory", "'memory' is not a device; name cpu, cuda or a GPU"),
        ("", "'' is not a device"),
    ],
)
def test_what_no_node_offers_is_refused(device: str, words: str) -> None:
    with pytest.raises(BackendError, match=words):
        _placement([PLAIN, CPU_NODE], device, None)


def test_a_device_that_no_node_owns_says_how_to_offer_it() -> None:
    with pytest.raises(BackendError, match="--resources"):
        RayBackend("t4", None, None, "local")


def test_errors_of_the_node_keep_their_words() -> None:
    with pytest.raises(BackendError, match="precision: cpu is measured in"):
        RayBackend("cpu", "f4", 1, "local")
    with pytest.raises(BackendError, match="99 threads were requested"):
        RayBackend("cpu", None, 99, "local")


def test_a_node_that_is_lost_is_a_clear_error() -> None:
    backend = RayBackend("cpu", None, 1, "local")
    session = backend.compile(reference_graph())
    backend.close()
    with pytest.raises(
        BackendError, match=r"the process that measured is lost .* --resume continues"
    ):
        session.run(1)
