"""Exported detectors compute what torch computes, and say what they are."""

from __future__ import annotations

import json
import resource
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from maenas.blocks import MaenasError, Op, SpecError
from maenas.budgets.backends.backend import BackendError
from maenas.budgets.graph.half import to_half
from maenas.budgets.graph.writer import GraphWriter
from maenas.detector.data.union.label_union import label_union
from maenas.detector.errors import ExportError
from maenas.detector.export.decode import PREFIX
from maenas.detector.export.end_to_end import append_nms, append_plugin_nms
from maenas.detector.export.export import Exported, export_detector, telling
from maenas.detector.export.network import write_network
from maenas.detector.export.onnx import metadata_of, onnx_model
from maenas.detector.export.options import OPSETS, ExportOptions
from maenas.detector.export.quantise import quantise
from maenas.detector.export.sample import sample_image
from maenas.detector.export.trial import run_end_to_end
from maenas.detector.export.verify import (
    Difference,
    check,
    check_detections,
    difference,
    reference_of,
)
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.ops.nms import nms
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.predict.predict import predict
from maenas.detector.runtimes.file_runtime import as_detections
from maenas.detector.runtimes.onnx_runtime import OnnxRuntime
from maenas.detector.runtimes.openvino_runtime import OpenVinoRuntime
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from tests.lively import images, lively, published_spec, reading, small_spec

SMALL = small_spec()
NETWORK = lively(SMALL)
SPECS = {
    "focus": SMALL,
    "one convolution a node": small_spec(fusion="conv"),
    "grey focus": reading(SMALL, 1),
    "grey": reading(small_spec(act="silu"), 1),
    "silu": small_spec(act="silu", extra_upsampling=True),
    "depthwise": small_spec(act="silu", depthwise=True),
    "towers": replace(SMALL, head=replace(SMALL.head, stacked_convs=2, kernel_size=1)),
    "one-to-one": replace(SMALL, head=replace(SMALL.head, one_to_one=True)),
    "701 classes": replace(
        SMALL,
        head=replace(SMALL.head, num_classes=701),
        names=label_union("coco-objects365-openimages-701").names,
    ),
    "T": published_spec("T"),
    "Nm": published_spec("Nm"),
}
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}


def export(
    folder: Path,
    spec: DetectorSpec = SMALL,
    network: Any = NETWORK,
    calibration: Sequence[Any] = (),
    **options: Any,
) -> Exported:
    """Export to `model` in the folder, compared on a drawn image."""
    chosen = ExportOptions(**options)
    path = folder / f"model{SUFFIXES[chosen.format]}"
    return export_detector(spec, network, path, chosen, images(spec, 1), calibration)


@cache
def network_of(name: str) -> DetectorNetwork:
    """One network a spec, for all tests."""
    return lively(SPECS[name])


@pytest.mark.parametrize("name", SPECS)
def test_an_onnx_model_computes_what_torch_computes(name: str, tmp_path: Path) -> None:
    spec, network = SPECS[name], network_of(name)
    export(tmp_path, spec, network)
    same(spec, network, OnnxRuntime(tmp_path / "model.onnx"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["focus", "towers", "Nm", "grey"])
def test_an_ir_computes_what_torch_computes(name: str, tmp_path: Path) -> None:
    spec, network = SPECS[name], network_of(name)
    export(tmp_path, spec, network, format="openvino")
    same(spec, network, OpenVinoRuntime(tmp_path / "model.xml"))


def same(spec: DetectorSpec, network: Any, runtime: Any) -> None:
    """Scores and boxes before NMS within a thousandth, for one image and for three at once."""
    torch_runtime = TorchRuntime(spec, network)
    for count in (1, 3):
        seen = images(spec, count, seed=7)
        for wanted, found in zip(torch_runtime.run(seen), runtime.run(seen), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-3)
    scores, boxes = torch_runtime.run(seen)
    assert np.ptp(scores) > 0.1
    assert np.ptp(boxes) > 90


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_boxes_after_nms_are_those_of_torch_on_twenty_images(kind: str, tmp_path: Path) -> None:
    options = Thresholds(0.45, 0.6, 40)
    exported = export(tmp_path, format=kind, layout="end2end", nms=options)
    assert exported.objects
    seen = images(SMALL, 20, seed=100)
    scores, boxes = map(torch.from_numpy, TorchRuntime(SMALL, NETWORK).run(seen))
    counts = set()
    for index in range(len(seen)):
        found = run_end_to_end(exported.path, seen[index : index + 1], None)["detections"]
        wanted = nms(scores[index], boxes[index], 0.45, 0.6, 40)
        count = len(wanted.boxes)
        counts.add(count)
        np.testing.assert_array_equal(found[:count, 5], wanted.classes)
        np.testing.assert_allclose(found[:count, 4], wanted.scores, atol=1e-3)
        np.testing.assert_allclose(found[:count, :4], wanted.boxes, atol=1e-3)
        assert not found[count:].any()
    assert len(counts) > 3  # images with few and with many objects


def test_images_of_one_batch_do_not_share_their_detections(tmp_path: Path) -> None:
    from maenas.detector.runtimes.onnx_runtime import open_session

    exported = export(tmp_path, layout="end2end", nms=Thresholds(0.45, 0.6, 40))
    seen = images(SMALL, 3, seed=100)
    together = open_session(exported.path).run(None, {"images": seen})[0]
    assert together.shape == (3, 40, 6)
    for index in range(3):
        alone = run_end_to_end(exported.path, seen[index : index + 1], None)["detections"]
        np.testing.assert_allclose(together[index], alone, atol=1e-3)


def test_nms_that_finds_nothing_gives_zeros(tmp_path: Path) -> None:
    exported = export(tmp_path, layout="end2end", nms=Thresholds(1.0, 0.6, 40))
    assert not run_end_to_end(exported.path, images(SMALL, 1), None)["detections"].any()


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_nms_that_finds_nothing_is_compared_at_a_lower_score(kind: str, tmp_path: Path) -> None:
    exported = export(tmp_path, format=kind, layout="end2end", nms=Thresholds(1.0, 0.6, 40))
    assert exported.objects
    assert exported.above is not None
    assert exported.above < 1.0


def test_a_hundred_candidates_are_let_through_where_the_options_let_none() -> None:
    scores = np.linspace(0, 0.04, 1_000, dtype=np.float32).reshape(1, 100, 10)
    lower = telling(scores, Thresholds(0.05, 0.7, 300))
    assert (scores > lower.min_score).sum() == 100
    assert (lower.max_iou, lower.max_detections) == (0.7, 300)


def test_options_that_let_something_through_stay() -> None:
    options = Thresholds(0.05, 0.7, 300)
    scores = np.full((1, 100, 10), 0.04, np.float32)
    scores[0, 0, 0] = 0.06
    assert telling(scores, options) == options


def test_a_box_may_be_found_as_several_classes_and_only_its_class_suppresses_it() -> None:
    # Two boxes of overlap 0.9: the better one takes the other away in class 0, not in class 1.
    scores = np.array([[0.9, 0.8], [0.7, 0.1]], np.float32)
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9]], np.float32)
    both = [[0, 0, 10, 10, 0.9, 0], [0, 0, 10, 10, 0.8, 1], [0, 0, 0, 0, 0, 0]]
    assert check_detections(np.array(both, np.float32), scores, boxes, Thresholds(0.2)) == 2
    wrong = [[0, 0, 10, 10, 0.9, 0], [0, 0, 10, 9, 0.8, 1]]
    with pytest.raises(ExportError, match=r"the export finds .* where torch finds"):
        check_detections(np.array(wrong, np.float32), scores, boxes, Thresholds(0.2))
    with pytest.raises(ExportError, match="finds 1 objects where torch finds 2"):
        check_detections(np.array(both[:1], np.float32), scores, boxes, Thresholds(0.2))


@pytest.mark.parametrize("most", [40, 400])  # of 126 anchor points and 3 classes
def test_a_one_to_one_head_is_exported_without_nms(most: int, tmp_path: Path) -> None:
    from maenas.detector.runtimes.onnx_runtime import open_session

    options = Thresholds(0.45, 1.0, most)
    spec, network = SPECS["one-to-one"], network_of("one-to-one")
    exported = export(tmp_path, spec, network, layout="end2end", nms=options)
    seen = images(spec, 3, seed=100)
    scores, boxes = map(torch.from_numpy, TorchRuntime(spec, network).run(seen))
    together = open_session(exported.path).run(None, {"images": seen})[0]

    kinds = {node.op_type for node in onnx.load(exported.path).graph.node}
    assert "TopK" in kinds
    assert "NonMaxSuppression" not in kinds
    assert together.shape == (3, most, 6)
    assert exported.objects
    assert exported.metadata.one_to_one
    for index, found in enumerate(together):
        wanted = nms(scores[index], boxes[index], *(0.45, 1.0, most))
        count = len(wanted.boxes)
        assert 0 < count <= most
        np.testing.assert_array_equal(found[:count, 5], wanted.classes)
        np.testing.assert_allclose(found[:count, 4], wanted.scores, atol=1e-3)
        np.testing.assert_allclose(found[:count, :4], wanted.boxes, atol=1e-3)
        assert not found[count:].any()


def test_what_runs_a_file_of_a_one_to_one_head_applies_no_nms(tmp_path: Path) -> None:
    spec, network = SPECS["one-to-one"], network_of("one-to-one")
    usual = Thresholds(0.45, 0.7, 40)
    expected = predict(TorchRuntime(spec, network), [sample_image(64, 96)], usual.without_nms())
    for layout in ("raw", "end2end"):
        path = export(tmp_path, spec, network, layout=layout, nms=usual.without_nms()).path
        runtime = OnnxRuntime(path)
        chosen = runtime.thresholds(usual)
        assert not chosen.has_nms
        found = predict(runtime, [sample_image(64, 96)], chosen)
        assert len(found[0][0]) == len(expected[0][0]) > 0
        np.testing.assert_allclose(found[0][0].boxes, expected[0][0].boxes, atol=1e-2)
    with pytest.raises(SpecError, match=r"without NMS, got 0\.5; export the detector again"):
        runtime.thresholds(usual, max_iou=0.5)


@pytest.mark.slow
def test_the_selection_of_a_one_to_one_head_runs_in_openvino(tmp_path: Path) -> None:
    options = {"format": "openvino", "layout": "end2end", "nms": Thresholds(0.45, 1.0, 40)}
    exported = export(tmp_path, SPECS["one-to-one"], network_of("one-to-one"), **options)
    assert exported.objects


def test_the_plugin_gets_boxes_scores_and_options() -> None:
    model = onnx_model(SMALL, NETWORK)
    plugin = append_plugin_nms(model, metadata_of(SMALL), Thresholds(0.2, 0.5, 30))
    (node,) = [node for node in plugin.graph.node if node.op_type == "EfficientNMS_TRT"]
    assert list(node.input) == ["boxes", "scores"]
    shapes = {
        out.name: [dim.dim_param or dim.dim_value for dim in out.type.tensor_type.shape.dim]
        for out in plugin.graph.output
    }
    assert shapes == {
        "num_dets": ["batch", 1],
        "det_boxes": ["batch", 30, 4],
        "det_scores": ["batch", 30],
        "det_classes": ["batch", 30],
    }
    options = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    assert options["box_coding"] == 0
    assert options["class_agnostic"] == 0
    assert options["score_threshold"] == pytest.approx(0.2)
    assert options["max_output_boxes"] == 30


def test_what_the_plugin_gives_is_read_as_rows() -> None:
    rows = as_detections(
        {
            "num_dets": np.array([[1]], np.int32),
            "det_boxes": np.arange(8, dtype=np.float32).reshape(1, 2, 4),
            "det_scores": np.array([[0.5, 0.4]], np.float32),
            "det_classes": np.array([[2, -1]], np.int32),
        }
    )
    np.testing.assert_array_equal(rows, [[[0, 1, 2, 3, 0.5, 2], [0, 0, 0, 0, 0, 0]]])


@pytest.mark.parametrize("name", ["focus", "silu", "depthwise", "Nm", "T"])
def test_a_graph_has_the_operators_that_are_priced_and_no_other(name: str) -> None:
    spec = SPECS[name]
    model = onnx_model(spec, spec.build())
    body = [node for node in model.graph.node if not node.name.startswith("decode/")]
    found = Counter(node.op_type for node in body)
    ops = list(spec.ops())
    kinds = Counter(op.kind for op in ops)

    def acts(act: str) -> int:
        return sum(op.act == act for op in ops)

    expected = {
        "Conv": kinds["conv"],
        "Relu": acts("relu"),
        "Sigmoid": acts("silu"),  # a SiLU is x * sigmoid(x)
        "Mul": acts("silu"),
        "Add": kinds["add"] + sum(op.adds for op in ops),
        "Concat": kinds["concat"] - 2,  # two of them join the levels of the head
        "MaxPool": kinds["max_pool"],
        "Resize": kinds["upsample"],
        "SpaceToDepth": kinds["slice"],
    }
    assert found == {kind: count for kind, count in expected.items() if count}
    assert conv_shapes(body, model) == sorted(map(conv_shape, (o for o in ops if o.kind == "conv")))


def conv_shapes(body: list[onnx.NodeProto], model: onnx.ModelProto) -> list[tuple[int, ...]]:
    """Channels out, channels in a group and kernel of each convolution."""
    weights = {constant.name: tuple(constant.dims) for constant in model.graph.initializer}
    return sorted(weights[node.input[1]][:3] for node in body if node.op_type == "Conv")


def conv_shape(op: Op) -> tuple[int, ...]:
    return op.out_shape[0], op.in_shape[0] // op.groups, op.kernel[0]


@pytest.mark.parametrize("opset", OPSETS)
def test_an_onnx_file_says_what_it_is(opset: int, tmp_path: Path) -> None:
    spec = replace(SMALL, resize="stretch")
    path = export(tmp_path, spec, opset=opset).path
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]  # no data beside it
    model = onnx.load(path)
    assert model.opset_import[0].version == opset
    assert model.ir_version <= 10
    assert [tensor.name for tensor in model.graph.input] == ["images"]
    assert [tensor.name for tensor in model.graph.output] == ["scores", "boxes"]
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["names"]) == list(SMALL.names)
    assert json.loads(told["in_shape"]) == [3, 64, 96]
    assert json.loads(told["stride"]) == [8, 16, 32]
    assert told["resize"] == "stretch"
    assert told["colour"] == "RGB"
    assert {"version", "normalisation", "boxes", "precision", "layout"} <= set(told)


def test_a_model_takes_any_batch_or_the_one_it_is_made_for() -> None:
    several = onnx_model(SMALL, NETWORK).graph.input[0].type.tensor_type.shape.dim[0]
    two = onnx_model(SMALL, NETWORK, batch=2).graph.input[0].type.tensor_type.shape.dim[0]
    assert (several.dim_param, two.dim_value) == ("batch", 2)


@pytest.mark.parametrize("layout", ["raw", "end2end"])
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_a_fixed_batch_is_exported_and_checked(kind: str, layout: str, tmp_path: Path) -> None:
    exported = export(tmp_path, format=kind, layout=layout, batch=2, nms=Thresholds(0.45))
    assert (exported.objects is not None) == (layout == "end2end")


def test_exporting_leaves_the_network_as_it_is() -> None:
    network = lively(SMALL).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    onnx_model(SMALL, network)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_half_precision_is_near_and_takes_half_the_space(kind: str, tmp_path: Path) -> None:
    whole = export(tmp_path, format=kind)
    whole_bytes = sum(file.stat().st_size for file in tmp_path.iterdir())
    weights = sum(4 * value.numel() for value in NETWORK.state_dict().values())
    half = export(tmp_path, format=kind, precision="f16")
    assert whole.difference.mean_boxes < half.difference.mean_boxes < 0.5
    half_bytes = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert whole_bytes - half_bytes > weights / 4


def test_a_half_graph_is_typed_so_but_for_input_decoding_and_outputs() -> None:
    half = to_half(onnx_model(SMALL, NETWORK), PREFIX)
    inferred = onnx.shape_inference.infer_shapes(half)
    types = {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    for node in half.graph.node:
        decoding = node.name.startswith("decode/")
        for name in node.output:
            wanted = onnx.TensorProto.FLOAT if decoding else onnx.TensorProto.FLOAT16
            assert types.get(name, onnx.TensorProto.FLOAT) == wanted, name
    assert half.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


@pytest.mark.parametrize(("kind", "layout"), [("onnx", "raw"), ("openvino", "end2end")])
def test_int8_quantises_convolutions_and_leaves_decoding_in_float(
    kind: str, layout: str, tmp_path: Path
) -> None:
    pytest.importorskip("nncf")
    seen = [images(SMALL, 1, seed) for seed in range(3)]
    exported = export(
        tmp_path,
        calibration=seen,
        format=kind,
        precision="int8",
        layout=layout,
        nms=Thresholds(0.45),
    )
    assert exported.metadata.precision == "int8"
    if kind == "onnx":
        model = onnx.load(exported.path)
        kinds = Counter(node.op_type for node in model.graph.node)
        assert kinds["QuantizeLinear"] > kinds["Conv"] // 2
        made_by = {name: node for node in model.graph.node for name in node.output}
        for node in model.graph.node:
            if node.op_type in ("Softmax", "MatMul", "Sigmoid"):
                sources = [made_by[name].op_type for name in node.input if name in made_by]
                assert "DequantizeLinear" not in sources, node.name


def test_the_int8_graph_of_tensorrt_has_signed_steps_and_half_floats() -> None:
    pytest.importorskip("nncf")
    seen = [images(SMALL, 1, seed) for seed in range(3)]
    model = to_half(quantise(onnx_model(SMALL, NETWORK), seen, "tensorrt"), PREFIX)
    constants = {constant.name: constant for constant in model.graph.initializer}
    steps = [node for node in model.graph.node if node.op_type.endswith("uantizeLinear")]
    assert steps
    for node in steps:
        scale, zero = (constants[name] for name in node.input[1:3])
        assert scale.data_type == onnx.TensorProto.FLOAT16
        assert zero.data_type == onnx.TensorProto.INT8
        assert not numpy_helper.to_array(zero).any()
    # As it is written: ONNX Runtime's own rewriting would store products of scales in float16,
    # too coarse for the biases it quantises with them. TensorRT leaves biases in float.
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    scores, boxes = session.run(["scores", "boxes"], {"images": seen[0]})
    reference = reference_of(NETWORK, seen[0])
    found = difference((reference.scores, reference.boxes), (scores, boxes))
    assert found.mean_scores < 0.06
    assert found.mean_boxes < 1.5


def test_int8_without_images_is_refused() -> None:
    with pytest.raises(ExportError, match="calibration: at least one image"):
        quantise(onnx_model(SMALL, NETWORK), (), "cpu")


def test_int8_without_nncf_is_refused_with_what_to_install(tmp_path: Path) -> None:
    if find_spec("nncf") is not None:
        pytest.skip("NNCF is installed")
    with pytest.raises(ExportError, match=r"NNCF, which is not installed; pip install"):
        ExportOptions(precision="int8").require(tmp_path / "model.onnx")


class Tanh(nn.Module):
    """A module that has no writer."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.Tanh()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(x)


def test_a_module_without_a_writer_is_named() -> None:
    with pytest.raises(NotImplementedError, match=r"no ONNX for act \(Tanh\)"):
        write_network(GraphWriter(), Tanh(), "images")


def test_an_export_that_deviates_leaves_no_file(tmp_path: Path) -> None:
    reference = reference_of(NETWORK, images(SMALL, 1))
    scores, boxes = reference.scores.astype(np.float32), reference.boxes.astype(np.float32)
    check(difference((reference.scores, reference.boxes), (scores, boxes)), reference, "f32")
    moved = difference((reference.scores, reference.boxes), (scores, boxes + 0.1))
    with pytest.raises(ExportError, match=r"differs from torch: scores .*, boxes 1.0e-01 px"):
        check(moved, reference, "f32")
    broken = lively(SMALL)
    nn.init.constant_(broken.head.distances[0][-1].bias, float("nan"))
    with pytest.raises(ExportError, match="boxes: are not all finite"):
        export(tmp_path, network=broken)
    assert not list(tmp_path.iterdir())


def test_rounding_of_torch_itself_is_allowed_for_in_f32() -> None:
    reference = reference_of(NETWORK, images(SMALL, 1))
    loose = replace(reference, rounding=Difference(1e-6, 0.1, 1e-7, 1e-3))
    far = Difference(1e-5, 0.2, 1e-6, 1e-3)
    check(far, loose, "f32")
    with pytest.raises(ExportError, match=r"at most 1.0e-03 and 2.0e-02 px"):
        check(far, reference, "f32")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"opset": 17}, ExportError, "opset: must be one of 18, 19, 20, got 17"),
        ({"batch": 0}, ExportError, "batch: must be at least 1, got 0"),
        ({"format": "coreml"}, SpecError, "format must be one of onnx, openvino, tensorrt"),
        ({"precision": "f8"}, SpecError, "precision must be one of f32, f16, int8"),
        ({"format": "openvino", "layout": "end2end-trt"}, ExportError, "does not know TensorRT"),
        ({"format": "tensorrt", "precision": "int8", "opset": 18}, ExportError, "at least 19"),
    ],
)
def test_what_cannot_be_exported_is_said(
    options: dict[str, Any], error: type[MaenasError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        export(tmp_path, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((1.5, 0.5, 10), "min_score: must be in 0..1, got 1.5"),
        ((0.5, -1, 10), "max_iou: must be in 0..1, got -1"),
        ((0.5, 0.5, 0), "max_detections: must be at least 1, got 0"),
    ],
)
def test_options_of_nms_are_checked(values: tuple[float, float, int], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Thresholds(*values)


@pytest.mark.parametrize("layout", ["raw", "end2end"])
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
@pytest.mark.parametrize("most", [1_000, 60_000])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(
    kind: str, layout: str, most: int, tmp_path: Path
) -> None:
    path = tmp_path / f"model{SUFFIXES[kind]}"
    path.write_text("an export of yesterday")
    with no_file_larger_than(most), pytest.raises(ExportError) as caught:
        export(tmp_path, format=kind, layout=layout)
    assert str(caught.value).startswith(f"{path}: cannot be written: ")
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "an export of yesterday"


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Writes past so many bytes fail, as on a full disk."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_file_is_named_after_its_format(tmp_path: Path) -> None:
    message = r"model.pt: onnx files end in \.onnx; other formats are \.xml \(openvino\), \.engine "
    with pytest.raises(ExportError, match=message):
        export_detector(SMALL, NETWORK, tmp_path / "model.pt", ExportOptions(), images(SMALL, 1))


def test_without_tensorrt_an_engine_is_refused_with_what_to_install(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine may have TensorRT")
    with pytest.raises(BackendError, match="TensorRT"):
        export_detector(
            SMALL,
            NETWORK,
            tmp_path / "model.engine",
            ExportOptions(format="tensorrt", precision="f16"),
            images(SMALL, 1),
        )
    assert not list(tmp_path.iterdir())


def test_nms_is_appended_to_a_copy() -> None:
    model = onnx_model(SMALL, NETWORK)
    before = model.SerializeToString()
    append_nms(model, metadata_of(SMALL), Thresholds())
    append_plugin_nms(model, metadata_of(SMALL), Thresholds())
    to_half(model)
    assert model.SerializeToString() == before


def test_a_sample_image_is_the_same_for_one_seed_alone() -> None:
    first = sample_image(40, 60, 3)
    assert first.shape == (40, 60, 3)
    assert first.dtype == np.uint8
    assert np.ptp(first) > 100
    assert np.array_equal(first, sample_image(40, 60, 3))
    assert not np.array_equal(first, sample_image(40, 60, 4))
