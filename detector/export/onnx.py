"""A detector as an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from maenas.blocks.layers.deploy import deploy
from maenas.budgets.graph.writer import GraphWriter
from maenas.detector.export.decode import write_decoding
from maenas.detector.export.network import write_network
from maenas.detector.export.options import DEFAULT_OPSET
from maenas.detector.runtimes.metadata import Metadata

if TYPE_CHECKING:
    from maenas.blocks import Backbone
    from maenas.blocks.layers.network import Network
    from maenas.detector.model.layers.network import DetectorNetwork
    from maenas.detector.model.spec import DetectorSpec

IR_VERSION = 10  # ONNX Runtime refuses newer ones than it knows
PRODUCER = "maenas"


def onnx_model(
    spec: DetectorSpec,
    network: DetectorNetwork,
    opset: int = DEFAULT_OPSET,
    batch: int | None = None,
) -> onnx.ModelProto:
    """The detector with the input `images` and the outputs `scores` and `boxes`, before NMS.

    Written from the deployed modules: RepConvs merged, BatchNorms and the head's scales folded,
    anchor points constant, nothing that is not needed. Weights are inside the file.

    Args:
        spec: of the detector; its input size is the model's.
        network: in training or deployed form; it is left as it is.
        opset: of ONNX, one of `OPSETS`.
        batch: images at a time, None for any number.
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
    """A backbone alone, batch 1: input `images`, one output a feature, called by its stride.

    Args:
        backbone: the spec.
        network: in training or deployed form, returning its features.
        opset: of ONNX.
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
    """What an f32 model before NMS says of itself."""
    return Metadata(
        names=spec.names,
        in_shape=spec.backbone.in_shape,
        resize=spec.resize,
        stride=spec.backbone.reductions(),
        is_nano=spec.is_nano,
    )


def _model(graph: onnx.GraphProto, opset: int) -> onnx.ModelProto:
    return helper.make_model(
        graph,
        producer_name=PRODUCER,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", opset)],
    )


def set_metadata(model: onnx.ModelProto, metadata: Metadata) -> None:
    """Write metadata into a model; what it held before goes."""
    del model.metadata_props[:]
    helper.set_model_props(model, metadata.to_text())


def floats(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    """An input or output of 32-bit floats; text names a dimension that is open."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
