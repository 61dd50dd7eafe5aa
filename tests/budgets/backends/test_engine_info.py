"""What TensorRT's inspector tells is understood: precisions, and the nodes of every layer."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import torch

from maenas.budgets.backends.backend import BackendError
from maenas.budgets.backends.engine_info import (
    EngineLayer,
    Share,
    engine_layers,
    layer_precisions,
    main_precision,
    require_tensorrt,
    share_of,
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
    found = layer_precisions(engine_layers(json.dumps({"Layers": layers})))
    assert found == Counter(f16=2, int8=1, bf16=1, f32=1)
    assert shown(found) == "int8 in 1 layers, f16 in 2, bf16 in 1, f32 in 1"


def test_an_engine_that_tells_no_types_has_no_precision() -> None:
    layers = engine_layers(json.dumps({"Layers": ["a", {"Name": "b"}]}))
    assert main_precision(layers, {"b"}) is None
    assert shown(layer_precisions(layers)) == "layers of unreported types"
    assert "does not report the types" in str(share_of(layers, {"b"}, "f16"))


HIDDEN = {"Format/Datatype": "N/A due to dynamic shapes"}


def hidden(weights: str = "", tactic: str = "", **more: object) -> list[EngineLayer]:
    """A layer of an engine with an open batch, whose tensors do not tell their types."""
    told: dict[str, Any] = {
        "Name": "x",
        "Inputs": [{"Name": "a", **HIDDEN}],
        "Outputs": [{"Name": "b", **HIDDEN}],
    }
    told |= {"Weights": {"Type": weights, "Count": 9}} if weights else {}
    return engine_layers(json.dumps({"Layers": [told | {"TacticName": tactic} | more]}))


@pytest.mark.parametrize(
    ("weights", "precision"),
    [("Half", "f16"), ("Float", "f32"), ("Int8", "int8"), ("BFloat16", "bf16"), ("", None)],
)
def test_with_an_open_batch_the_weights_tell_the_precision(
    weights: str, precision: str | None
) -> None:
    [found] = hidden(weights)
    assert found.precision == precision
    assert found.has_weights is bool(weights)


@pytest.mark.parametrize(
    ("tactic", "precision"),
    [
        ("sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize128x128x32", "f16"),
        ("sm80_xmma_fprop_implicit_gemm_interleaved_i8f32_i8i32_f32_nchw_vect_c_32kcrs", "int8"),
        ("sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32_nchw_vect_c_32kcrs", "int8"),
        ("sm75_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize64x64", "f16"),
        ("sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize64", "f32"),
        ("sm80_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize64x64x64_stage6", "bf16"),
        ("turing_h1688cudnn_256x128_ldg8_relu_exp_interior_nhwc_tn_v1", "f16"),
        ("volta_h884cudnn_256x64_sliced1x2_ldg8_relu_exp_small_nhwc_tn_v1", "f16"),
        ("volta_scudnn_128x64_relu_interior_nn_v1", "f32"),
        ("turing_int8_i8816cudnn_int8_128x128_ldg16_relu_interior_nt_v1", "int8"),
        ("ampere_sgemm_64x32_nn", "f32"),
        ("ampere_fp16_s16816gemm_fp16_128x64_nn", "f16"),
        ("__myl_AddMul_0x7f8a", None),
        ("0x0000000000000000", None),
        ("", None),
    ],
)
def test_without_weights_the_name_of_the_kernel_tells_it(
    tactic: str, precision: str | None
) -> None:
    assert hidden(tactic=tactic)[0].precision == precision


def test_version_11_tells_type_and_format_apart() -> None:
    told = {"Datatype": "Half", "Format": "Channel major format where channel % 8 == 0"}
    layers = [{"Name": "x", "Inputs": [{"Name": "a", **told}]}]
    assert engine_layers(json.dumps({"Layers": layers}))[0].precision == "f16"


def test_the_share_counts_every_heavy_node_and_not_one() -> None:
    names = ("a", "b", "c", "d")
    layers = [
        {"Name": n, "Metadata": f"[ONNX Layer: {n}]", "Weights": {"Type": "Half" if n == "a" else
         "Float"}, "Inputs": [{"Name": n, **HIDDEN}]} for n in names
    ]  # fmt: skip
    share = share_of(engine_layers(json.dumps({"Layers": layers})), set(names), "f16")
    assert share == Share("f16", 1, 4)
    assert str(share) == "f16 in 1 of 4 convolutions and matrix products"


def test_without_names_of_nodes_the_layers_with_weights_are_counted() -> None:
    layers = [*hidden("Half"), *hidden("Half"), *hidden("Float"), *hidden("")]
    assert share_of(layers, {"conv_0"}, "f16") == Share("f16", 2, 3)


def test_without_tensorrt_or_a_gpu_it_is_said_what_to_install() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine may have TensorRT")
    with pytest.raises(BackendError, match=r"pip install 'maenas\[tensorrt\]'|NVIDIA GPU"):
        require_tensorrt()
