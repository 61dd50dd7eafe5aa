"""Layers and precisions of a TensorRT engine, its options, and whether TensorRT is available."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from maenas.blocks.plugins.extras import EXTRAS
from maenas.budgets.backends.backend import BackendError
from maenas.budgets.latency import Precision

INSTALL = f"{EXTRAS['tensorrt'].install} (Linux with an NVIDIA GPU)"
# Type names of the engine inspector, from the narrowest type to the widest.
TYPES: tuple[tuple[Precision, re.Pattern[str]], ...] = (
    ("int8", re.compile(r"\bint8\b", re.IGNORECASE)),
    ("f16", re.compile(r"\b(half|fp16)\b", re.IGNORECASE)),
    ("bf16", re.compile(r"\b(bfloat16|bf16)\b", re.IGNORECASE)),
    ("f32", re.compile(r"\b(float|fp32)\b", re.IGNORECASE)),
)
PRECISIONS = tuple(name for name, _ in TYPES)
OLDEST = 10  # first major version with strongly typed networks
# Tactics name their kernel, and the kernel its types, that of the input first:
# sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_..., turing_int8_i8816cudnn_int8_...,
# volta_scudnn_128x64_relu_... (32 bits), turing_h1688cudnn_256x128_... (16 bits).
KERNEL_TYPE = re.compile(
    r"(?:^|_)(?:(?P<int8>i8[a-z]+\d+(?=_)|int8)|(?P<bf16>bf16)|(?P<f16>f16|fp16|h\d{3,5}(?=cudnn|_|gemm))"
    r"|(?P<f32>tf32|f32|fp32|scudnn|sgemm))"
)
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
        precision: narrowest type among the inputs, or else the type of the weights or of the
            kernel; None if the engine does not tell it, or if all inputs are indices.
        layout: whether the layer only changes layout or type for another layer.
        has_weights: whether the layer has weights, as convolutions have.
    """

    name: str
    kernel: str
    nodes: tuple[str, ...]
    precision: Precision | None
    layout: bool = False
    has_weights: bool = False


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of the build of an engine.

    Attributes:
        batches: least, optimal and largest batch size, if the batch of the model is open. The
            engine is tuned for the optimal one.
        version_compatible: whether later versions of TensorRT can run the engine, which then
            contains code of TensorRT's runtime.
        hardware_compatible: whether other GPUs than this one can run the engine: Ampere and newer.
        workspace_gib: memory that tactics may use, in GiB.
    """

    batches: tuple[int, int, int] = (1, 1, 1)
    version_compatible: bool = False
    hardware_compatible: bool = False
    workspace_gib: int = 4


BATCH_1 = EngineOptions()  # for a model of fixed batch, or of batch 1


@dataclass(frozen=True, slots=True)
class Share:
    """The share of the heavy work that an engine computes in a precision.

    Attributes:
        precision: number format.
        count: number of convolutions and matrix products in it.
        total: number of all of them whose precision the engine tells.
    """

    precision: Precision
    count: int
    total: int

    def __str__(self) -> str:
        if not self.total:
            return f"typed {self.precision}, TensorRT does not report the types of its layers"
        return f"{self.precision} in {self.count} of {self.total} convolutions and matrix products"


def require_tensorrt() -> None:
    """Raise `BackendError` with install instructions unless TensorRT and a GPU are available."""
    try:
        import tensorrt

        missing = not hasattr(tensorrt, "Builder")  # type stubs alone can be imported as well
        version = str(getattr(tensorrt, "__version__", "0"))
    except ImportError:
        missing = True
    if missing:
        raise BackendError(f"TensorRT is not installed; {INSTALL}.")
    if int(version.split(".")[0]) < OLDEST:
        raise BackendError(
            f"TensorRT must be version {OLDEST} or newer, which reads the precision from the "
            f"graph; {version} is installed; {INSTALL}."
        )
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
            detailed verbosity. With an open batch the inspector hides the types of tensors unless
            a context with shapes is inspected; types then come from the weights and kernels.
    """
    listed = json.loads(information, strict=False).get("Layers", [])  # has control characters
    layers = [layer for layer in listed if isinstance(layer, Mapping)]
    nodes = [tuple(dict.fromkeys(NODE.findall(str(layer.get("Metadata", ""))))) for layer in layers]
    own = [bool(names) for names in nodes]
    _lend_nodes(layers, nodes)
    return [
        EngineLayer(
            str(layer.get("Name", "")),
            _kernel(layer),
            names,
            _precision(layer),
            layout=not is_own and bool(names),
            has_weights="Weights" in layer,
        )
        for layer, names, is_own in zip(layers, nodes, own, strict=True)
    ]


def layer_precisions(layers: Iterable[EngineLayer]) -> Counter[str]:
    """Count layers by precision; layers whose precision the engine does not tell are left out."""
    counts = Counter(layer.precision for layer in layers)
    return Counter({name: counts[name] for name in PRECISIONS if counts[name]})


def share_of(layers: Collection[EngineLayer], heavy: Collection[str], wanted: Precision) -> Share:
    """Return how much of the heavy work is in a precision.

    Args:
        layers: layers of the engine.
        heavy: names of the nodes that multiply matrices. If the engine names none of them, its
            layers with weights are counted.
        wanted: number format.
    """
    counts = _work(layers, heavy)
    if not counts:
        counts = Counter(x.precision for x in layers if x.has_weights and x.precision is not None)
    return Share(wanted, counts[wanted], counts.total())


def main_precision(layers: Collection[EngineLayer], heavy: Collection[str]) -> Precision | None:
    """Return the precision of most of the work; None if the engine tells no precision.

    Args:
        layers: layers of the engine.
        heavy: names of the nodes that multiply matrices; each counts once. If the engine has none
            of them, layers are counted instead.
    """
    counts = _work(layers, heavy)
    if not counts:
        counts = Counter(layer.precision for layer in _own(layers) if layer.precision is not None)
    return counts.most_common(1)[0][0] if counts else None


def shown(precisions: Mapping[str, int]) -> str:
    """Return the counts as text for a message, such as "f16 in 71 layers, f32 in 9"."""
    counts = [f"{name} in {precisions[name]}" for name in PRECISIONS if precisions.get(name)]
    if not counts:
        return "layers of unreported types"
    return f"{counts[0]} layers{''.join(f', {count}' for count in counts[1:])}"


def _work(layers: Collection[EngineLayer], heavy: Collection[str]) -> Counter[Precision]:
    """Count the heavy nodes by the precision of the layer that computes them."""
    counts: Counter[Precision] = Counter()
    for layer in _own(layers):
        count = sum(name in heavy for name in layer.nodes)
        if layer.precision is not None and count:
            counts[layer.precision] += count
    return counts


def _own(layers: Collection[EngineLayer]) -> list[EngineLayer]:
    """Return the layers that do more than change a layout; all if there are no others."""
    typed = [layer for layer in layers if layer.precision is not None]
    return [layer for layer in typed if not layer.layout] or typed


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
    """Return the narrowest type among the inputs, or else that of the weights or the kernel."""
    inputs = [_words(tensor) for tensor in layer.get("Inputs", ())]
    weights = layer.get("Weights")
    types = [str(weights.get("Type", ""))] if isinstance(weights, Mapping) else []
    for words in (inputs, types):
        named = (name for name, word in TYPES if any(map(word.search, words)))
        if (found := next(named, None)) is not None:
            return found
    kernel = KERNEL_TYPE.search(str(layer.get("TacticName", "")))
    return next((name for name in PRECISIONS if kernel and kernel[name]), None)


def _words(tensor: Mapping[str, Any]) -> str:
    """Return type and format of a tensor; TensorRT 11 tells them in two fields instead of one."""
    return " ".join(str(tensor.get(key, "")) for key in ("Format/Datatype", "Datatype", "Format"))
