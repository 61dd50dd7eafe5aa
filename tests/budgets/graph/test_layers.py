"""An ONNX graph is read as the operators a runtime runs, and as those of the spec it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from maenas.blocks import BLOCKS, Backbone, Op
from maenas.blocks.op import conv, max_pool, upsample
from maenas.budgets.graph import Layers, graph_layers, static_graph
from maenas.budgets.graph.operator_graph import operator_graph, reference_graph
from maenas.budgets.graph.quantise import quantised
from maenas.budgets.pricing.op_rows import priced
from maenas.budgets.profiling.operator_grid import operator_grid
from maenas.detector import template_names
from maenas.detector.model.ablations import load_ablations
from maenas.latency.graphs import backbone_graph, graph_of
from maenas.latency.networks import published_detector
from tests.blocks.test_contract import SPECS
from tests.graphs import BATCH_NORM, kernels, made, vector
from tests.lively import SHAPE, reading, small_spec

MAP = (8, 16, 16)
SPATIAL = {"strides": (1, 1), "pads": (1, 1, 1, 1)}
W1, W3 = kernels(8, 8), kernels(8, 8, 3, 3)
PLAIN = conv(MAP, 8, norm=False)
ABLATIONS = {f"{r.figures.table}: {r.figures.network}": r.spec for r in load_ablations()}


def counted(ops: Iterable[Op]) -> Counter[Op]:
    """Operators up to what does not bear on their time."""
    return Counter(map(priced, ops))


def layers_of(lines: list[str], **of_graph: Any) -> Layers:
    weights = {"w": W1, "v": W1, "w3": W3, "bias": vector(8).reshape(8, 1, 1)}
    weights |= {name: vector(8) for name in BATCH_NORM}
    weights |= of_graph.pop("weights", {})
    return graph_layers(static_graph(made(lines, weights=weights, **of_graph)))


def ops_of(lines: list[str], **of_graph: Any) -> list[Op]:
    found = layers_of(lines, **of_graph)
    assert not found.unknown
    return [priced(op) for op in found.ops]


# The circle: spec -> graph -> operators of the spec.


LARGE = ("m", "l")  # made of the blocks of the others, and seconds each


@pytest.mark.parametrize(
    "scale",
    [pytest.param(s, marks=pytest.mark.slow if s in LARGE else ()) for s in template_names()],
)
def test_the_graph_of_a_published_detector_holds_the_operators_of_its_spec(scale: str) -> None:
    spec = published_detector(scale)
    spec = replace(spec, backbone=replace(spec.backbone, in_shape=SHAPE))
    found = graph_layers(graph_of(spec))
    assert counted(found.ops) == counted(spec.ops())
    assert not found.unknown


@pytest.mark.parametrize("spec", [small_spec(), small_spec(act="silu")], ids=["focus", "conv"])
def test_the_graph_of_a_detector_of_grey_images_holds_the_operators_of_its_spec(spec: Any) -> None:
    grey = reading(spec, 1)
    found = graph_layers(graph_of(grey))
    assert counted(found.ops) == counted(grey.ops())
    assert not found.unknown


@pytest.mark.parametrize(
    "name", ["queen-fusion: neither", "fusion: csp_rep", "neck-head: neck 0.0, head 3"]
)
def test_the_graph_of_an_ablation_holds_the_operators_of_its_spec(name: str) -> None:
    spec = ABLATIONS[name]
    spec = replace(spec, backbone=replace(spec.backbone, in_shape=SHAPE))
    found = graph_layers(graph_of(spec))
    assert counted(found.ops) == counted(spec.ops())
    assert not found.unknown


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_graph_of_a_block_holds_the_operators_of_the_block(spec: Any) -> None:
    backbone = Backbone((spec,), (0,), (12, 32, 40))
    found = graph_layers(backbone_graph(backbone))
    assert counted(found.ops) == counted(backbone.ops())
    assert not found.unknown


def test_every_kind_of_block_is_among_them() -> None:
    assert {spec.kind for spec in SPECS} == set(BLOCKS)


def test_a_quantised_graph_holds_the_operators_of_the_graph_it_was() -> None:
    graph = graph_of(small_spec())
    assert counted(graph_layers(static_graph(quantised(graph))).ops) == counted(
        graph_layers(graph).ops
    )


@pytest.mark.parametrize("op", operator_grid(1), ids=lambda op: f"{op.kind} {op.in_shape}")
def test_the_graph_of_an_operator_holds_that_operator_alone(op: Op) -> None:
    (found,) = graph_layers(static_graph(operator_graph(op))).ops
    if op.kind == "copy":  # a transpose writes as many elements in another order
        found = replace(found, out_shape=op.out_shape)
    assert priced(found) == priced(op)


def test_the_reference_graph_is_four_convolutions() -> None:
    assert [op.kind for op in graph_layers(static_graph(reference_graph())).ops] == ["conv"] * 4


# What rides in what.


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["y = Conv x w"], [PLAIN]),
        (["c = Conv x w", "y = Relu c"], [replace(PLAIN, act="relu")]),
        (
            ["c = Conv x w", f"b = BatchNormalization c {' '.join(BATCH_NORM)}", "y = Relu b"],
            [replace(PLAIN, act="relu")],
        ),
        (["c = Conv x w", "y = Add c bias"], [PLAIN]),
        (["c = Conv x w", "b = Add bias c", "y = Relu b"], [replace(PLAIN, act="relu")]),
        (["c = Conv x w", "y = Sigmoid c"], [replace(PLAIN, act="sigmoid")]),
        (["c = Conv x w", "y = HardSwish c"], [replace(PLAIN, act="silu")]),
        (["c = Conv x w", "y = Mish c"], [replace(PLAIN, act="silu")]),
        (["c = Conv x w", "g = Sigmoid c", "y = Mul c g"], [replace(PLAIN, act="silu")]),
        (["c = Conv x w", "g = Sigmoid c", "y = Mul g c"], [replace(PLAIN, act="silu")]),
        (
            ["c = Conv x w", "s = Softplus c", "t = Tanh s", "y = Mul c t"],
            [replace(PLAIN, act="silu")],
        ),
        (
            ["c = Conv x w", "a = Add c bias", "b = Clip a", "d = Div b bias", "y = Mul c d"],
            [replace(PLAIN, act="silu")],
        ),
        (["c = Conv x w", "i = Identity c", "y = Relu i"], [replace(PLAIN, act="relu")]),
    ],
    ids=lambda value: " ; ".join(value) if isinstance(value[0], str) else "",
)
def test_bias_norm_and_activation_ride_in_their_convolution(lines, expected) -> None:
    assert ops_of(lines) == expected


def test_a_residual_rides_in_the_later_convolution_before_its_activation() -> None:
    lines = ["a = Conv x w", "b = Conv a v", "s = Add a b", "y = Relu s"]
    assert ops_of(lines) == [PLAIN, replace(PLAIN, adds=True, act="relu")]


def test_a_residual_of_two_branches_rides_in_the_one_that_comes_later() -> None:
    lines = ["a = Conv x w", "b = Conv x w3", "y = Add b a"]
    with_pads = {"b": SPATIAL}
    assert ops_of(lines, attributes=with_pads) == [
        PLAIN,
        conv(MAP, 8, 3, norm=False, adds=True),
    ]


def test_an_add_after_the_activation_stays_alone() -> None:
    lines = ["a = Conv x w", "b = Relu a", "y = Add b x"]
    assert ops_of(lines) == [replace(PLAIN, act="relu"), Op("add", MAP, MAP)]


def test_a_second_add_stays_alone_and_takes_the_activation() -> None:
    lines = ["a = Conv x w", "b = Add a x", "c = Add b x", "y = Relu c"]
    assert ops_of(lines) == [replace(PLAIN, adds=True), Op("add", MAP, MAP, act="relu")]


@pytest.mark.parametrize(
    ("lines", "outputs"),
    [
        (["c = Conv x w", "y = Relu c", "z = Sigmoid c"], ["y", "z"]),
        (["c = Conv x w", "y = Relu c"], ["c", "y"]),
        (["c = Conv x w", "i = Identity c", "y = Relu i"], ["c", "y"]),
        (["c = Conv x w", "g = Sigmoid c", "y = Mul c g"], ["g", "y"]),
        (["c = Conv x w", "g = Sigmoid c", "y = Mul c g"], ["c", "y"]),
    ],
    ids=["two readers", "an output", "an output by another name", "a gate read", "a product read"],
)
def test_nothing_rides_in_a_convolution_whose_output_is_read_elsewhere(lines, outputs) -> None:
    first, *others = ops_of(lines, outputs=outputs)
    assert first == PLAIN
    assert others


def test_an_activation_of_the_input_is_an_operator_of_its_own() -> None:
    assert ops_of(["y = Relu x"]) == [Op("act", MAP, MAP, act="relu")]
    assert ops_of(["g = Sigmoid x", "y = Mul x g"]) == [Op("act", MAP, MAP, act="silu")]


def test_a_norm_before_its_convolution_takes_time() -> None:
    lines = [f"b = BatchNormalization x {' '.join(BATCH_NORM)}", "y = Conv b w"]
    assert ops_of(lines) == [Op("act", MAP, MAP, act="relu"), PLAIN]


def test_a_squeeze_and_excite_product_is_no_activation() -> None:
    lines = ["p = GlobalAveragePool x", "c = Conv p w", "g = Sigmoid c", "y = Mul x g"]
    squeezed = (8, 1, 1)
    assert ops_of(lines) == [
        Op("global_pool", MAP, squeezed),
        conv(squeezed, 8, norm=False, act="sigmoid"),
        Op("mul", MAP, MAP),
    ]


def test_quantising_operators_are_free_and_hide_nothing() -> None:
    zero = {"s": np.array(0.1, np.float32), "z": np.array(0, np.int8), "wq": W1.astype(np.int8)}
    lines = ["q = QuantizeLinear x s z", "d = DequantizeLinear q s z",
             "w8 = DequantizeLinear wq s z", "c = Conv d w8", "y = Relu c"]  # fmt: skip
    assert ops_of(lines, weights=zero) == [replace(PLAIN, act="relu")]


# What costs nothing, and what only moves elements.


def test_shapes_and_what_is_made_of_them_are_free() -> None:
    weights = {"one": np.array([1]), "rest": np.array([-1])}
    lines = ["s = Shape x", "n = Gather s one", "t = Concat n rest", "y = Reshape x t"]
    assert ops_of(lines, weights=weights, attributes={"t": {"axis": 0}}) == []


def test_nothing_rides_through_a_reshape() -> None:
    lines = ["c = Conv x w", "r = Reshape c to", "y = Relu r"]
    found = ops_of(lines, weights={"to": np.array([1, 8, 256])})
    assert found == [PLAIN, Op("act", (256, 8, 1), (256, 8, 1), act="relu")]


def test_resize_split_and_concat() -> None:
    weights = {"scales": np.array([1, 1, 2, 2], np.float32), "sizes": np.array([4, 4])}
    lines = ["r = Resize x - scales", "a,b = Split r sizes", "y = Concat a b a"]
    attributes = {"r": {"mode": "nearest"}, "a": {"axis": 1}, "y": {"axis": 1}}
    joined = (12, 32, 32)
    assert ops_of(lines, weights=weights, attributes=attributes) == [
        upsample(MAP),
        Op("split", (8, 32, 32), (4, 32, 32)),
        Op("concat", joined, joined),
    ]


@pytest.mark.parametrize(
    ("line", "weights", "attributes", "expected"),
    [
        ("y = MaxPool x", {}, {"kernel_shape": (5, 5), "pads": (2,) * 4}, max_pool(MAP, 5)),
        ("y = Conv x k", {"k": kernels(8, 1, 3, 3)}, {"group": 8, "pads": (1,) * 4},
         conv(MAP, 8, 3, groups=8, norm=False)),
        ("y = Conv x k", {"k": W3}, {"dilations": (2, 2), "pads": (2,) * 4},
         conv(MAP, 8, 3, norm=False)),
        ("y = ConvTranspose x k", {"k": kernels(8, 4, 2, 2)}, {"strides": (2, 2)},
         Op("deconv", MAP, (4, 32, 32), 2, 2)),
        ("y = Conv x k", {"k": kernels(8, 8, 1, 7)}, {"pads": (0, 3, 0, 3)},
         conv(MAP, 8, (1, 7), norm=False)),
        ("y = Conv x k", {"k": kernels(8, 8, 7, 1)}, {"pads": (3, 0, 3, 0)},
         conv(MAP, 8, (7, 1), norm=False)),
        ("y = Conv x k", {"k": kernels(8, 8, 1, 3)}, {}, Op("conv", MAP, (8, 16, 14), (1, 3))),
        ("y = Conv x k", {"k": kernels(8, 4, 3, 1)}, {"group": 2},
         Op("conv", MAP, (8, 14, 16), (3, 1), groups=2)),
        ("y = Conv x k", {"k": W1}, {"strides": (2, 1)}, conv(MAP, 8, 1, (2, 1), norm=False)),
        ("y = MaxPool x", {}, {"kernel_shape": (2, 1), "strides": (2, 1)},
         Op("max_pool", MAP, (8, 8, 16), (2, 1), (2, 1))),
        ("y = ConvTranspose x k", {"k": kernels(8, 4, 1, 2)}, {"strides": (1, 2)},
         Op("deconv", MAP, (4, 16, 32), (1, 2), (1, 2))),
        ("y = Transpose x", {}, {"perm": (0, 2, 3, 1)}, Op("copy", MAP, (16, 16, 8))),
        ("y = MatMul x k", {"k": np.zeros((16, 5), np.float32)}, {},
         Op("matmul", (16, 16, 8), (5, 16, 8))),
        ("y = Softmax x", {}, {"axis": 1}, Op("softmax", MAP, MAP)),
        ("y = Exp x", {}, {}, Op("act", MAP, MAP, act="silu")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_single_operators(line, weights, attributes, expected) -> None:
    assert ops_of([line], weights=weights, attributes={"y": attributes}) == [expected]


@pytest.mark.parametrize(
    ("line", "weights", "attributes", "expected"),
    [
        ("y = Conv x k", {"k": kernels(4, 8, 5)}, {"strides": (2,), "pads": (2, 2)},
         Op("conv", (8, 1, 100), (4, 1, 50), (1, 5), 2)),
        ("y = ConvTranspose x k", {"k": kernels(8, 4, 2)}, {"strides": (2,)},
         Op("deconv", (8, 1, 100), (4, 1, 200), (1, 2), 2)),
        ("y = MaxPool x", {}, {"kernel_shape": (4,), "strides": (4,)},
         Op("max_pool", (8, 1, 100), (8, 1, 25), (1, 4), 4)),
    ],
    ids=["convolution", "transposed", "pool"],
)  # fmt: skip
def test_an_operator_on_a_row_is_one_on_a_map_of_height_one(
    line, weights, attributes, expected
) -> None:
    of_graph = {"weights": weights, "attributes": {"y": attributes}}
    assert ops_of([line], inputs={"x": (1, 8, 100)}, **of_graph) == [expected]


def test_slices_of_neighbours_are_no_copy_and_slices_with_steps_are() -> None:
    bounds = {"from": np.array([0]), "to": np.array([8]), "axis": np.array([2])}
    steps = {"one": np.array([1]), "two": np.array([2])}
    lines = [
        "c = Slice x from to axis one",
        "d = Slice x from to axis",
        "y = Slice x from to axis two",
    ]
    assert ops_of(lines, weights=bounds | steps) == [
        Op("crop", MAP, (8, 8, 16)),
        Op("crop", MAP, (8, 8, 16)),
        Op("copy", MAP, (8, 4, 16)),
    ]


def test_the_first_axis_counts_where_attention_has_made_it_one_of_areas() -> None:
    lines = ["r = Reshape x areas", "y = Transpose r"]
    found = ops_of(
        lines, weights={"areas": np.array([4, 2, 16, 16])}, attributes={"y": {"perm": (0, 1, 3, 2)}}
    )
    assert found == [Op("copy", (8, 16, 16), (8, 16, 16))]


# What nothing here knows.


@pytest.mark.parametrize(
    ("line", "weights", "attributes", "unknown"),
    [
        ("y = LRN x", {}, {"size": 3}, "LRN"),
        ("y = CustomRelu x", {}, {}, "acme.CustomRelu"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unknown_operator_is_listed_by_name(line, weights, attributes, unknown) -> None:
    found = layers_of([line], weights=weights, attributes={"y": attributes}, domain="acme")
    assert found.unknown == {unknown: 1}
    assert found.ops == ()


def test_an_unknown_operator_of_known_shape_has_a_copy_as_its_stand_in() -> None:
    found = layers_of(["y = LRN x"], attributes={"y": {"size": 3}})
    ((stand_in,),) = ([(layer.name, layer.ops) for layer in found.stand_ins],)
    assert stand_in == ("LRN", (Op("copy", MAP, MAP),))


def test_a_layer_knows_which_layer_makes_its_input() -> None:
    lines = ["c = Conv x w", "r = Relu c", "s = Sigmoid x", "t = Transpose r", "y = MatMul t s"]
    found = layers_of(lines, inputs={"x": (1, 8, 8, 8)}, attributes={"t": {"perm": (0, 1, 3, 2)}})
    assert [layer.ops[0].kind for layer in found.layers] == ["conv", "act", "copy", "matmul"]
    assert [layer.source for layer in found.layers] == [None, None, 0, 2]


@pytest.mark.parametrize(
    ("line", "weights", "attributes", "unknown"),
    [
        ("y = Conv x k", {"k": kernels(4, 8, 3, 3, 3)}, {}, "Conv over 3 axes"),
        ("y = MaxPool x", {}, {"kernel_shape": (2, 2, 2)}, "MaxPool over 3 axes"),
    ],
    ids=["convolution", "pool"],
)
def test_an_operator_on_a_volume_is_unknown_with_its_reason(
    line, weights, attributes, unknown
) -> None:
    of_graph = {"weights": weights, "attributes": {"y": attributes}}
    found = layers_of([line], inputs={"x": (1, 8, 9, 9, 9)}, **of_graph)
    assert found.unknown == {unknown: 1}


def test_a_branch_is_unknown_even_if_its_condition_is_constant() -> None:
    branch = made(["y = Relu x"]).graph
    del branch.input[:]
    model = made(["y = If yes"], weights={"yes": np.array(True)})
    model.graph.node[0].attribute.extend(
        [helper.make_attribute("then_branch", branch), helper.make_attribute("else_branch", branch)]
    )
    assert graph_layers(static_graph(model)).unknown == {"If": 1}


def test_a_foreign_graph_may_call_its_nodes_as_ours_do() -> None:
    model = made(["c = Conv x w"], weights={"w": W1})
    model.graph.node[0].name = "decode/conv"
    assert [priced(op) for op in graph_layers(static_graph(model)).ops] == [PLAIN]


# Old and careless files.


def test_weights_listed_as_inputs_are_weights() -> None:
    model = made(["c = Conv x w", "y = Relu c"], weights={"w": W1})
    shape = helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, W1.shape)
    model.graph.input.append(shape)
    assert [priced(op) for op in graph_layers(static_graph(model)).ops] == [
        replace(PLAIN, act="relu")
    ]


@pytest.mark.parametrize("names", [("", "", "", ""), ("n", "n", "n", "n"), ("Mul_3", "", "", "")])
def test_nodes_without_names_of_their_own_are_told_apart(names: tuple[str, ...]) -> None:
    model = made(["c = Conv x w", "g = Sigmoid c", "d = Conv g v", "y = Mul c d"],
                 weights={"w": W1, "v": W1})  # fmt: skip
    for node, name in zip(model.graph.node, names, strict=True):
        node.name = name
    graph = static_graph(model)
    assert len({node.name for node in graph.graph.node}) == 4
    assert len(graph_layers(graph).ops) == 4


def test_every_node_of_the_graph_belongs_to_one_layer() -> None:
    graph = graph_of(small_spec())
    owned = [name for layer in graph_layers(graph).layers for name in layer.nodes]
    assert len(owned) == len(set(owned))
    assert {node.name for node in graph.graph.node} <= set(owned)
