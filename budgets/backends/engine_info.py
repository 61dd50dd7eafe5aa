"""Layers and precisions of a TensorRT engine, and a check that TensorRT is available."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from maenas.budgets.backends.backend import BackendError
from maenas.budgets.latency import Precision

INSTALL = "pip install -e '.[tensorrt]' (Linux with an NVIDIA GPU)"
# Type names of the engine inspector, from the narrowest type to the widest.
TYPES: tuple[tuple[Precision, re.Pattern[str]], ...] = (
    ("int8", re.compile(r"\bint8\b", re.IGNORECASE)),
    ("f16", re.compile(r"\b(half|fp16)\b", re.IGNORECASE)),
    ("bf16", re.compile(r"\b(bfloat16|bf16)\b", re.IGNORECASE)),
    ("f32", re.compile(r"\b(float|fp32)\b", re.IGNORECASE)),
)
PRECISIONS = tuple(name for name, _ in TYPES)
# Node names are separated by the control characters 1E and 1F, or not at all.
NODE = re.compile(r"\[ONNX Layer: (.*?)\](?=[\x1e\x1f\s,]|\[ONNX Layer: |$)")


@dataclass(frozen=True, slots=True)
class EngineLayer:
    """A fused layer of an engine.

    Attributes:
        name: name under which the profiler reports the layer.
        kernel: layer type and tactic.
        nodes: names of the ONNX nodes in the layer. For a layer that only changes the layout, the
            nodes of the layer that it serves.
        precision: narrowest type among the inputs; None without inputs or if all are indices.
        layout: whether the layer only changes layout or type for another layer.
    """

    name: str
    kernel: str
    nodes: tuple[str, ...]
    precision: Precision | None
    layout: bool = False


def require_tensorrt() -> None:
    """Raise `BackendError` with install instructions unless TensorRT and a GPU are available."""
    try:
        import tensorrt

        missing = not hasattr(tensorrt, "Builder")  # type stubs alone can be imported as well
    except ImportError:
        missing = True
    if missing:
        raise BackendError(f"TensorRT is not installed; {INSTALL}.")
    import torch

    if not torch.cuda.is_available():
        raise BackendError(
            "TensorRT needs an NVIDIA GPU that torch can use, for its buffers; torch "
            f"{torch.__version__} finds none."
        )


def engine_layers(information: str) -> list[EngineLayer]:
    """Return the layers of an engine in order of execution.

    Args:
        information: JSON output of the engine inspector; the engine must have been built with
            detailed verbosity.
    Raises:
        BackendError: if no layer reports its types.
    """
    told = json.loads(information, strict=False).get("Layers", [])  # has control characters
    layers = [layer for layer in told if isinstance(layer, Mapping)]
    nodes = [tuple(dict.fromkeys(NODE.findall(str(layer.get("Metadata", ""))))) for layer in layers]
    own = [bool(names) for names in nodes]
    _lend_nodes(layers, nodes)
    found = [
        EngineLayer(
            str(layer.get("Name", "")),
            _kernel(layer),
            names,
            _precision(layer),
            layout=not is_own and bool(names),
        )
        for layer, names, is_own in zip(layers, nodes, own, strict=True)
    ]
    if not any(layer.precision for layer in found):
        raise BackendError(
            "precision: the engine does not tell the types of its layers; it was built without "
            "detailed verbosity."
        )
    return found


def layer_precisions(information: str) -> Counter[str]:
    """Count the layers of an engine by precision; see `engine_layers`."""
    counts = Counter(layer.precision for layer in engine_layers(information))
    return Counter({name: counts[name] for name in PRECISIONS if counts[name]})


def main_precision(layers: Collection[EngineLayer], heavy: Collection[str]) -> Precision:
    """Return the precision of most of the work.

    Args:
        layers: layers of the engine.
        heavy: names of the nodes that multiply matrices; each counts once. If the engine has none
            of them, layers are counted instead.
    """
    told = [(layer.precision, layer) for layer in layers if layer.precision is not None]
    own = [(precision, layer) for precision, layer in told if not layer.layout] or told
    counts: Counter[Precision] = Counter()
    for precision, layer in own:
        counts[precision] += sum(name in heavy for name in layer.nodes)
    if not counts.total():
        counts = Counter(precision for precision, _ in own)
    return counts.most_common(1)[0][0]


def shown(precisions: Mapping[str, int]) -> str:
    """Return the counts as text for a message, such as "f16 in 71 layers, f32 in 9"."""
    counts = [f"{name} in {precisions[name]}" for name in PRECISIONS if precisions.get(name)]
    return f"{counts[0]} layers{''.join(f', {count}' for count in counts[1:])}"


def _lend_nodes(layers: list[Mapping[str, Any]], nodes: list[tuple[str, ...]]) -> None:
    """Give layers without nodes, such as reformats, the nodes of their reader or else writer."""
    for direction, mine, theirs in ((-1, "Outputs", "Inputs"), (1, "Inputs", "Outputs")):
        owner: dict[str, tuple[str, ...]] = {}
        for index in range(len(layers))[::direction]:  # backwards, readers come first
            if not nodes[index]:
                near = (owner[name] for name in _tensors(layers[index], mine) if name in owner)
                nodes[index] = next(near, ())
            if nodes[index]:
                owner.update(dict.fromkeys(_tensors(layers[index], theirs), nodes[index]))


def _tensors(layer: Mapping[str, Any], side: str) -> list[str]:
    return [str(tensor.get("Name", "")) for tensor in layer.get(side, ())]


def _kernel(layer: Mapping[str, Any]) -> str:
    words = (str(layer.get(key, "")) for key in ("LayerType", "TacticName"))
    return " ".join(word for word in words if word)


def _precision(layer: Mapping[str, Any]) -> Precision | None:
    """Return the narrowest type among the inputs."""
    words = [str(tensor.get("Format/Datatype", "")) for tensor in layer.get("Inputs", ())]
    return next((name for name, word in TYPES if any(map(word.search, words))), None)
