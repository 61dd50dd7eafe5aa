"""Networks of modules hold every kind of operator of a detector, run everywhere, and price them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import onnx
import onnxruntime
import pytest

from maenas.blocks import Op
from maenas.blocks.op import OpKind, Shape, conv, max_pool, upsample
from maenas.budgets.backends.torch_onnx.graph import TorchGraph
from maenas.budgets.graph import graph_layers
from maenas.budgets.pricing.kernels import kernel_of
from maenas.budgets.pricing.operator_model import OperatorModel
from maenas.budgets.pricing.table import LatencyTable
from maenas.budgets.profiling.modules import NETWORKS, SIZES, module_graphs
from maenas.budgets.profiling.operator_grid import operator_grid
from maenas.budgets.profiling.partial_profile import PartialProfile
from maenas.budgets.profiling.profile import Item, merged, profile
from tests.cpu_table import FIELDS
from tests.quick_measuring import quick_measuring
from tests.slow_machine import SlowMachine, profile_items, true_us

GRAPHS = dict(module_graphs(len(SIZES)))
MAP: Shape = (48, 40, 40)
# One operator of each kind, in a size that no network of modules has.
DETECTORS_HAVE = [
    conv((40, 80, 80), 40, 3, act="silu"),
    conv(MAP, 48, 7, groups=48),
    max_pool(MAP, 5),
    upsample(MAP),
    Op("deconv", MAP, (48, 80, 80), 2, 2),
    Op("avg_pool", (64, 80, 80), (64, 79, 79), 2),
    Op("global_pool", MAP, (48, 1, 1)),
    Op("split", MAP, (24, 40, 40)),
    Op("crop", MAP, (24, 40, 40)),
    Op("copy", (4, 16, 8400), (16, 4, 8400)),
    Op("gather", (8400, 80, 1), (300, 80, 1)),
    Op("topk", (8400, 1, 1), (300, 1, 1)),
    Op("matmul", (32, 900, 4), (900, 900, 4)),
    Op("softmax", (4, 900, 900), (4, 900, 900)),
    Op("norm", (256, 900, 1), (256, 900, 1)),
    Op("grid_sample", MAP, MAP),
    Op("mul", MAP, MAP),
    Op("act", MAP, MAP, act="sigmoid"),
]


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> OperatorModel:
    """Prices of a machine made of arithmetic that measured the modules and a few networks."""
    items = [Item(name, "module", graph) for name, graph in module_graphs(2)]  # as in `--quick`
    partial = PartialProfile(Path(tmp_path_factory.mktemp("modules")) / "partial", {})
    with quick_measuring():
        measured, _ = profile(SlowMachine(), [*items, *profile_items(9, 6)], partial, 1e6)
    ops, samples = merged(measured)
    return LatencyTable(name="slow", **FIELDS, ops=ops, samples=samples).model()


@pytest.mark.parametrize("name", GRAPHS)
def test_a_network_of_modules_is_valid_and_every_operator_of_it_is_known(name: str) -> None:
    graph = GRAPHS[name]()
    onnx.checker.check_model(graph, full_check=True)
    found = graph_layers(graph)
    assert not found.unknown
    assert found.layers


def test_one_size_holds_every_kind_of_operator_of_onnx_graphs() -> None:
    found = {op.kind for _, graph in module_graphs(1) for op in graph_layers(graph()).ops}
    assert found == {*get_args(OpKind)} - {"slice", "decode"}  # of Focus stems, and of our head


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_runtimes_take_a_network_of_modules(network) -> None:
    graph = network.graph(64, 16)
    onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    assert set(TorchGraph(graph).inputs) == {"image"}


@pytest.mark.parametrize("op", DETECTORS_HAVE, ids=lambda op: str(kernel_of(op)))
def test_what_detectors_have_is_priced_by_what_modules_taught(prices, op: Op) -> None:
    assert 1e3 * prices.op_ms(op) == pytest.approx(true_us(op), rel=0.4)  # of few sizes


def test_a_profile_that_ends_early_has_measured_many_kernels_alone() -> None:
    grid = operator_grid(1)
    kernels = {kernel_of(op) for op in grid}
    assert {kernel_of(op) for op in grid[: len(kernels)]} == kernels


def test_runtimes_that_lack_an_operator_of_the_modules_are_profiled_all_the_same(tmp_path) -> None:
    items = [Item(name, "module", graph) for name, graph in module_graphs(1)]
    refusing = SlowMachine(refuses=("Conv_0",))
    partial = PartialProfile(tmp_path / "partial", {})
    with quick_measuring():
        measured, notes = profile(refusing, [*items, *profile_items(9, 6)], partial, 1e6)
    assert len(notes) == len(NETWORKS)
    assert {one.sample.role for one in measured} == {"fit", "held-out", "operator"}
