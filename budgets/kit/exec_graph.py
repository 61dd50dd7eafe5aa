"""Layer times in the file that OpenVINO's `-exec_graph_path` writes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from xml.etree import ElementTree

from maenas.budgets.backends.backend import LayerTime
from maenas.budgets.kit.runtime import ToolLayers

GRAPH = re.compile(r"<net .*?</net>", re.DOTALL)
OUTPUT = "sink_port_"  # part of the name of a layout change at an output of the graph
HEAVY = ("Convolution", "Deconvolution", "MatMul", "FullyConnected")  # kinds of most work
INT8 = ("_i8", "_u8")  # suffixes of 8-bit kernels, in either case


def exec_graph_layers(text: str, known: Collection[str]) -> ToolLayers:
    """Return the layers of an executed graph; none if the text holds no such file.

    A layout change has the nodes of its reader, and a layer that OpenVINO made and named itself
    those of the layer that makes its input.

    Args:
        text: content of the file, with other output around it.
        known: names of the ONNX nodes.
    """
    found = GRAPH.search(text)
    if found is None or "<!" in found[0]:  # a document type could hold entities without end
        return ToolLayers()
    try:
        net = ElementTree.fromstring(found[0])
    except ElementTree.ParseError:
        return ToolLayers()
    kinds = {one.get("id", ""): one for one in net.iter("layer")}
    data = {key: one.find("data") for key, one in kinds.items()}
    facts = {key: {} if one is None else dict(one.attrib) for key, one in data.items()}
    readers: dict[str, list[str]] = {}
    sources: dict[str, str] = {}
    for edge in net.iter("edge"):
        source, reader = edge.get("from-layer", ""), edge.get("to-layer", "")
        readers.setdefault(source, []).append(reader)
        sources.setdefault(reader, source)
    nodes: dict[str, tuple[str, ...]] = {}
    for key in reversed(kinds):  # readers come later in the file
        own = _nodes(facts[key])
        lent = (nodes[reader] for reader in readers.get(key, ()) if nodes.get(reader))
        nodes[key] = own or next(lent, ())
    for key in kinds:
        if nodes[key] and not set(nodes[key]) & set(known):
            nodes[key] = nodes.get(sources.get(key, ""), ())
    layers = []
    for key, one in kinds.items():
        us = _microseconds(facts[key].get("execTimeMcs", ""))
        if us:
            kind = one.get("type", "")
            kernel = f"{kind} {facts[key].get('primitiveType', '')}"
            layers.append(LayerTime(one.get("name", ""), nodes[key], kernel, us, kind == "Reorder"))
    heavy = [layer.kernel.lower() for layer in layers if layer.kernel.startswith(HEAVY)]
    is_narrow = 2 * sum(kernel.endswith(INT8) for kernel in heavy) > len(heavy)
    return ToolLayers(tuple(layers), "int8" if is_narrow else None)


def _nodes(facts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the ONNX nodes of a layer."""
    listed = facts.get("originalLayersNames", "")
    parts = (part.removesuffix("/WithoutBiases") for part in listed.split(",") if part)
    return tuple(dict.fromkeys(part for part in parts if OUTPUT not in part))


def _microseconds(text: str) -> float:
    """Return the time of a layer; 0 if it was not executed."""
    try:
        return float(text)
    except ValueError:
        return 0.0
