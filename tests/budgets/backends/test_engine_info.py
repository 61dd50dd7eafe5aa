"""What TensorRT's inspector tells is understood: precisions, and the nodes of every layer."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import torch

from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.engine_info import (
    engine_layers,
    layer_precisions,
    main_precision,
    require_tensorrt,
    shown,
)


def layer(name: str, kind: str, metadata: str, reads: str, writes: str, words: str) -> object:
    return {
        "Name": name,
        "LayerType": kind,
        "Inputs": [{"Name": reads, "Format/Datatype": words}],
        "Outputs": [{"Name": writes, "Format/Datatype": words}],
        "TacticName": f"{kind}_tactic" if kind != "Reformat" else "",
        "Metadata": metadata,
    }


# As the inspector of TensorRT 10 writes it: fused nodes are separated by 1F, groups of them by 1E.
REFORMAT = "Reformatting CopyNode for Input Tensor 0 to conv_0 + relu_0"
TOLD = [
    layer(REFORMAT, "Reformat", "", "images", "tidy", "Half"),
    layer("conv_0 + relu_0", "CaskConvolution",
          "[ONNX Layer: conv_0]\x1f[ONNX Layer: relu_0]", "tidy", "a", "Half"),
    layer("__myl_AddMul_0", "kgen",
          "[ONNX Layer: /model/add]\x1e[ONNX Layer: /model/odd[0]]", "a", "b", "Float"),
    layer("out copy", "Reformat", "", "b", "out", "Half"),
]  # fmt: skip


def test_layers_are_told_with_their_nodes_kernels_and_precisions() -> None:
    layers = engine_layers(json.dumps({"Layers": TOLD}))
    assert [one.nodes for one in layers] == [
        ("conv_0", "relu_0"),  # a reformat belongs to who reads it
        ("conv_0", "relu_0"),
        ("/model/add", "/model/odd[0]"),
        ("/model/add", "/model/odd[0]"),  # or, if nobody does, to who wrote it
    ]
    assert [one.layout for one in layers] == [True, False, False, True]
    assert [one.precision for one in layers] == ["f16", "f16", "f32", "f16"]
    assert layers[0].name == REFORMAT
    assert layers[0].kernel == "Reformat"
    assert layers[1].kernel == "CaskConvolution CaskConvolution_tactic"


def test_control_characters_may_come_unescaped() -> None:
    text = json.dumps({"Layers": TOLD}).replace("\\u001f", "\x1f").replace("\\u001e", "\x1e")
    assert "\x1f" in text
    assert engine_layers(text)[2].nodes == ("/model/add", "/model/odd[0]")


@pytest.mark.parametrize(
    ("metadata", "nodes"),
    [
        ("", ()),
        ("[ONNX Layer: a]", ("a",)),
        ("[ONNX Layer: a][ONNX Layer: b]", ("a", "b")),
        ("[ONNX Layer: a]\x1f[ONNX Layer: a]", ("a",)),
        ("[ONNX Layer: scope/a b]\n[ONNX Layer: c]", ("scope/a b", "c")),
    ],
)
def test_nodes_are_read_however_they_are_separated(metadata: str, nodes: tuple[str, ...]) -> None:
    told = [layer("x", "kgen", metadata, "in", "out", "Half")]
    assert engine_layers(json.dumps({"Layers": told}))[0].nodes == nodes


def test_the_main_precision_is_that_of_the_heavy_nodes() -> None:
    layers = engine_layers(json.dumps({"Layers": TOLD}))
    assert main_precision(layers, {"conv_0"}) == "f16"
    assert main_precision(layers, {"/model/add"}) == "f32"  # its copy reads f16, but is no work
    assert main_precision(layers, ()) == "f16"  # none is heavy: three layers of four


def test_precisions_are_counted_by_the_narrowest_input() -> None:
    def with_inputs(*words: str) -> object:
        return {"LayerType": "x", "Inputs": [{"Name": "x", "Format/Datatype": w} for w in words]}

    layers = [
        with_inputs("Float"),
        with_inputs("Half"),
        with_inputs("Channel major FP16 format where channel % 8 == 0", "Float"),
        with_inputs("Thirty-two wide channel vectorized row major Int8 format"),
        with_inputs("BFloat16"),
        with_inputs("Int64"),
        with_inputs(),
        "a layer that tells its name alone",
    ]
    found = layer_precisions(json.dumps({"Layers": layers}))
    assert found == Counter(f16=2, int8=1, bf16=1, f32=1)
    assert shown(found) == "int8 in 1 layers, f16 in 2, bf16 in 1, f32 in 1"


def test_an_engine_that_tells_no_types_is_refused() -> None:
    with pytest.raises(BackendError, match="does not tell the types of its layers"):
        layer_precisions(json.dumps({"Layers": ["a", "b"]}))


def test_without_tensorrt_or_a_gpu_it_is_said_what_to_install() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine may have TensorRT")
    with pytest.raises(BackendError, match=r"pip install -e '\.\[tensorrt\]'|NVIDIA GPU"):
        require_tensorrt()
