"""ONNX graphs as ncnn's files: one input and output, every tensor read once, sizes reversed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from maenas.budgets.graph import static_graph
from maenas.budgets.graph.inputs import GraphError
from maenas.budgets.graph.operator_graph import reference_graph
from maenas.budgets.kit.benchncnn import BenchNcnn
from maenas.budgets.kit.ncnn_param import ncnn_param
from maenas.budgets.profiling.modules import module_graphs
from tests.graphs import kernels, made


def layers_of(text: str) -> list[tuple[str, list[str], list[str], str]]:
    """Type, tensors read, tensors written and keys of each layer."""
    magic, counts, *lines = text.strip().split("\n")
    found = []
    for line in lines:
        kind, _, reads, writes, *rest = line.split()
        first, last = int(reads), int(reads) + int(writes)
        found.append((kind, rest[:first], rest[first:last], " ".join(rest[last:])))
    assert magic == "7767517"
    assert counts.split() == [str(len(found)), str(sum(len(layer[2]) for layer in found))]
    return found


def test_the_reference_graph_is_written() -> None:
    layers = layers_of(ncnn_param(reference_graph()))
    kinds = ["Input", "Convolution", "ReLU", "Convolution", "ReLU", "ConvolutionDepthWise",
             "Convolution", "Noop"]  # fmt: skip
    assert [layer[0] for layer in layers] == kinds
    assert layers[0][3] == "0=80 1=80 2=64"
    window = "1=3 11=3 2=1 12=1 3=2 13=2 4=1 14=1 15=1 16=1"
    assert layers[5][3] == f"0=192 {window} 5=1 6=1728 7=192"


@pytest.mark.parametrize(
    "name", ["module/split/384x48", "module/crop/384x48", "module/mixed/384x48"]
)
def test_every_tensor_of_a_network_is_written_and_read_once(name: str) -> None:
    graphs = dict(module_graphs(2, BenchNcnn.lacks))
    layers = layers_of(ncnn_param(graphs[name]()))
    written = Counter(tensor for layer in layers for tensor in layer[2])
    read = Counter(tensor for layer in layers for tensor in layer[1])
    assert max(written.values()) == max(read.values()) == 1
    assert set(written) - set(read) == {"output"}
    assert set(read) - set(written) == set()


@pytest.mark.parametrize(
    ("lines", "attributes", "expected"),
    [
        (["s = Sigmoid x", "y = Mul x s"], {}, "Swish"),
        (["y = Sub two x"], {}, "BinaryOp 0=7 1=1 2=2.000000e+00"),
        (["y = Softmax x"], {"y": {"axis": -1}}, "Softmax 0=2 1=1"),
        (["y = Concat x,x"], {"y": {"axis": 1}}, "Concat 0=0"),
        (["y = Transpose x"], {"y": {"perm": (0, 2, 3, 1)}}, "Permute 0=3"),
        (["y = MaxPool x"], {"y": {"kernel_shape": (3, 5), "pads": (1, 2, 1, 2)}},
         "Pooling 0=0 1=5 11=3 2=1 12=1 3=2 13=1 14=2 15=1 5=1 6=0"),
        (["y = Reshape x shape"], {}, "Reshape 0=256 1=8"),
    ],
    ids=str,
)  # fmt: skip
def test_an_operator_has_the_keys_of_ncnn(lines, attributes, expected: str) -> None:
    lines = [line.replace("x,x", "x x") for line in lines]
    weights = {"two": np.float32([2]), "shape": np.array([1, 8, 256])}
    used = {key: value for key, value in weights.items() if any(key in line for line in lines)}
    model = static_graph(made(lines, {"x": (1, 8, 16, 16)}, used, (), attributes))
    found = layers_of(ncnn_param(model))[-2]
    assert f"{found[0]} {found[3]}".strip() == expected


def test_a_gate_after_a_global_pool_is_a_product_of_vectors() -> None:
    model = static_graph(made(
        ["p = GlobalAveragePool x", "c = Conv p w", "g = Sigmoid c", "y = Mul x g"],
        {"x": (1, 8, 16, 16)}, {"w": kernels(8, 8, 1, 1)},
    ))  # fmt: skip
    kinds = [layer[0] for layer in layers_of(ncnn_param(model))]
    assert kinds == ["Input", "Split", "Pooling", "InnerProduct", "Sigmoid", "BinaryOp", "Noop"]


@pytest.mark.parametrize(
    ("line", "words"),
    [("y = TopK x two", "has no layer for TopK"), ("y = Add x z", "the graph has 2")],
)
def test_a_graph_that_ncnn_has_no_form_of_is_refused(line: str, words: str) -> None:
    inputs = {"x": (1, 8, 16, 16), "z": (1, 8, 16, 16)} if " z" in line else {"x": (1, 8, 16, 16)}
    model = made([line], inputs, {"two": np.array([2])} if "two" in line else {})
    with pytest.raises(GraphError, match=words):
        ncnn_param(model)
