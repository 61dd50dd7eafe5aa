"""A detector as an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from maenas.blocks.layers.deploy import deploy
from maenas.budgets.graph.writer import GraphWriter
from maenas.detector.channels import COLOURS
from maenas.detector.export.decode import write_decoding
from maenas.detector.export.network import write_network
from maenas.detector.export.options import DEFAULT_OPSET
from maenas.detector.runtimes.metadata import Metadata

if TYPE_CHECKING:
    from maenas.blocks import Backbone
    from maenas.blocks.layers.network import Network
    from maenas.detector.model.layers.network import DetectorNetwork
    from maenas.detector.model.spec import DetectorSpec

IR_VERSION = 10  # ONNX Runtime refuses versions that are newer than it knows
PRODUCER = "maenas"


def onnx_model(
    spec: DetectorSpec,
    network: DetectorNetwork,
    opset: int = DEFAULT_OPSET,
    batch: int | None = None,
) -> onnx.ModelProto:
    """The detector with the input `images` and the outputs `scores` and `boxes`, before NMS.

    The nodes are written from the deployed modules: RepConvs are merged, BatchNorms and the head's
    scales are folded, anchor points are constants. The file contains the weights.

    Args:
        spec: spec of the detector; the model has its input size.
        network: network in training or deployed form; it is not changed.
        opset: opset of ONNX, one of `OPSETS`.
        batch: batch size; None for any.
    """
    _, height, width = spec.backbone.in_shape
    strides = spec.backbone.reductions()
    classes = spec.head.num_classes
    writer = GraphWriter()
    levels = write_network(writer, deploy(network).float().cpu(), "images")
    write_decoding(writer, levels, (height, width), strides, classes, spec.head.reg_max + 1)
    count = sum((height // stride) * (width // stride) for stride in strides)
    several = batch or "batch"
    graph = helper.make_graph(
        writer.nodes,
        "detector",
        [floats("images", several, *spec.backbone.in_shape)],
        [floats("scores", several, count, classes), floats("boxes", several, count, 4)],
        list(writer.constants.values()),
    )
    model = _model(graph, opset)
    set_metadata(model, metadata_of(spec))
    onnx.checker.check_model(model, full_check=True)
    return model


def backbone_model(
    backbone: Backbone, network: Network, opset: int = DEFAULT_OPSET
) -> onnx.ModelProto:
    """A backbone alone, batch 1: input `images`, one output a feature map, named by its stride.

    Args:
        backbone: spec of the backbone.
        network: network in training or deployed form, which returns its feature maps.
        opset: opset of ONNX.
    """
    writer = GraphWriter()
    features = write_network(writer, deploy(network).float().cpu(), "images")
    outputs = [
        writer.node("Identity", f"stride_{stride}", [name])
        for name, stride in zip(features, backbone.reductions(), strict=True)
    ]
    graph = helper.make_graph(
        writer.nodes,
        "backbone",
        [floats("images", 1, *backbone.in_shape)],
        [floats(name, 1, *shape)
         for name, shape in zip(outputs, backbone.feature_shapes(), strict=True)],
        list(writer.constants.values()),
    )  # fmt: skip
    return _model(graph, opset)


def metadata_of(spec: DetectorSpec) -> Metadata:
    """Metadata of an f32 model without NMS."""
    return Metadata(
        names=spec.names,
        in_shape=spec.backbone.in_shape,
        resize=spec.resize,
        stride=spec.backbone.reductions(),
        is_nano=spec.is_nano,
        one_to_one=spec.head.one_to_one,
        colour=COLOURS[spec.backbone.in_shape[0]],
    )


def _model(graph: onnx.GraphProto, opset: int) -> onnx.ModelProto:
    return helper.make_model(
        graph,
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", opset)],
    )


def set_metadata(model: onnx.ModelProto, metadata: Metadata) -> None:
    """Write metadata into a model, in place of any it has."""
    del model.metadata_props[:]
    helper.set_model_props(model, metadata.to_text())


def floats(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    """An input or output in float32; text in the shape names a dynamic dimension."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
