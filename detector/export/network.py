"""Write a deployed network as ONNX nodes, directly from its modules."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from torch import Tensor, cat, fx, nn

from maenas.blocks.layers.depthwise import DepthwiseConv2d
from maenas.blocks.layers.space_to_depth import SpaceToDepth
from maenas.budgets.graph.writer import GraphWriter
from maenas.detector.model.raw_level import RawLevel

# Indices of our SpaceToDepth's four channel blocks, in the order of ONNX's operator.
FOCUS_ORDER = (0, 2, 1, 3)


def write_network(writer: GraphWriter, module: nn.Module, images: str) -> Any:
    """Append the nodes of a deployed module.

    The module is traced symbolically, so any network of the module types below can be exported.

    Args:
        writer: writer of the graph that the nodes are added to.
        module: module in deployed form, with one input; it may return nested lists and tuples.
        images: name of the input in the graph.
    Returns:
        The outputs of the module, with names in the graph instead of tensors.
    Raises:
        NotImplementedError: if a module or function has no writer yet.
    """
    return _NetworkWriter(writer, module).write(images)


class _Tracer(fx.Tracer):
    """Tracer whose leaves are torch's modules and our layers that ONNX has an operator for."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        leaf = super().is_leaf_module(m, module_qualified_name)
        return leaf or isinstance(m, DepthwiseConv2d | SpaceToDepth)


class _NetworkWriter:
    def __init__(self, writer: GraphWriter, module: nn.Module) -> None:
        self.writer = writer
        self.graph = _Tracer().trace(module)
        self.modules = dict(module.named_modules())
        self.names: dict[fx.Node, Any] = {}  # name of a tensor, or a tuple of names for a RawLevel

    def write(self, images: str) -> Any:
        """Write the nodes in order; returns the outputs of the module as names."""
        for node in self.graph.nodes:
            if node.op == "output":
                return fx.node.map_arg(node.args[0], self.names.__getitem__)
            if node.op == "placeholder":
                self.names[node] = images
            elif node.target is RawLevel:
                self.names[node] = tuple(self.names[part] for part in node.all_input_nodes)
            elif node.users:  # the trace also reads parameters that are unused when deployed
                self.names[node] = self._operator(node)
        raise AssertionError("a traced graph ends in its output")

    def _operator(self, node: fx.Node) -> str:
        """Write one call of a module or function; returns the name of its output."""
        if node.op == "call_module":
            return self._module(node, self.modules[str(node.target)])
        inputs = [self.names[source] for source in node.all_input_nodes]
        if node.target is cat:
            return self.writer.node("Concat", node.name, inputs, axis=1)
        if node.target is operator.add:
            return self.writer.node("Add", node.name, inputs)
        if node.target is operator.mul:
            return self.writer.node("Mul", node.name, inputs)
        raise NotImplementedError(f"export: no ONNX for {node.op} {node.target}.")

    def _module(self, node: fx.Node, module: nn.Module) -> str:
        """Write one call of a torch module; `node.name` is unique even if the module is shared."""
        (source,) = node.all_input_nodes
        x: str = self.names[source]
        name, add = node.name, self.writer.node
        match module:
            case nn.Identity():
                return x
            case nn.Conv2d():
                return self._conv(str(node.target), module, source)
            case nn.ReLU():
                return add("Relu", name, [x])
            case nn.Sigmoid():
                return add("Sigmoid", name, [x])
            case nn.SiLU():
                return add("Mul", name, [x, add("Sigmoid", f"{name}_gate", [x])])
            case SpaceToDepth():
                return add("SpaceToDepth", name, [x], blocksize=2)
            case nn.MaxPool2d():
                return add("MaxPool", name, [x], **_window(module))
            case nn.AvgPool2d():
                shown = int(module.ceil_mode), int(module.count_include_pad)
                ceil_mode, count_include_pad = shown
                return add(
                    "AveragePool",
                    name,
                    [x],
                    ceil_mode=ceil_mode,
                    count_include_pad=count_include_pad,
                    **_window(module),
                )
            case nn.AdaptiveAvgPool2d():
                return add("GlobalAveragePool", name, [x])
            case nn.Upsample():
                return self._upsample(name, x)
        raise NotImplementedError(f"export: no ONNX for {node.target} ({type(module).__name__}).")

    def _conv(self, name: str, conv: nn.Conv2d, source: fx.Node) -> str:
        """Write a convolution; after a SpaceToDepth its input channels are put in ONNX's order."""
        assert conv.bias is not None, "a deployed convolution has a bias"
        weight = _numpy(conv.weight)
        if isinstance(self.modules.get(str(source.target)), SpaceToDepth):
            out, channels, *kernel = weight.shape
            blocks = weight.reshape(out, 4, channels // 4, *kernel)
            weight = blocks[:, FOCUS_ORDER].reshape(weight.shape)
        return self.writer.node(
            "Conv",
            name,
            [
                self.names[source],
                self.writer.constant(f"{name}.weight", weight),
                self.writer.constant(f"{name}.bias", _numpy(conv.bias)),
            ],
            kernel_shape=list(conv.kernel_size),
            strides=list(conv.stride),
            pads=[int(side) for side in conv.padding] * 2,
            group=conv.groups,
        )

    def _upsample(self, name: str, x: str) -> str:
        """Write a nearest-neighbour upsampling by a factor of 2."""
        twice = self.writer.constant("twice", np.array([1, 1, 2, 2], np.float32))
        return self.writer.node(
            "Resize",
            name,
            [x, "", twice],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )


def _window(pool: nn.MaxPool2d | nn.AvgPool2d) -> dict[str, Any]:
    """Kernel size, stride and padding of a square pooling layer, as ONNX attributes."""
    assert isinstance(pool.kernel_size, int)
    assert isinstance(pool.stride, int)
    assert isinstance(pool.padding, int)
    return {
        "kernel_shape": [pool.kernel_size] * 2,
        "strides": [pool.stride] * 2,
        "pads": [pool.padding] * 4,
    }


def _numpy(value: Tensor) -> Any:
    return value.detach().cpu().float().numpy()
