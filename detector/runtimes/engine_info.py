"""What TensorRT tells about an engine, and whether it is there at all."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from detector.errors import ModelError

# The words of the inspector, from the narrowest type to the widest.
TYPES = (
    ("int8", re.compile(r"\bint8\b", re.IGNORECASE)),
    ("f16", re.compile(r"\b(half|fp16)\b", re.IGNORECASE)),
    ("bf16", re.compile(r"\b(bfloat16|bf16)\b", re.IGNORECASE)),
    ("f32", re.compile(r"\b(float|fp32)\b", re.IGNORECASE)),
)
PRECISIONS = tuple(name for name, _ in TYPES)


def require_tensorrt() -> None:
    """Raise `ModelError`, saying what to install, unless TensorRT and a GPU are here."""
    try:
        import tensorrt

        missing = not hasattr(tensorrt, "Builder")  # type stubs alone can be imported as well
    except ImportError:
        missing = True
    if missing:
        raise ModelError(
            "TensorRT is not installed; pip install 'maenas[tensorrt]' (Linux with an NVIDIA GPU)."
        )
    import torch

    if not torch.cuda.is_available():
        raise ModelError(
            "TensorRT needs an NVIDIA GPU that torch can use, for its buffers; torch "
            f"{torch.__version__} finds none."
        )


def layer_precisions(information: str) -> Counter[str]:
    """How many layers of an engine compute in which precision.

    A layer computes in the narrowest type among its inputs; layers without inputs do not count.

    Args:
        information: what the engine inspector gives as JSON; the engine must have been built with
            detailed verbosity.
    Raises:
        ModelError: if no layer tells its types.
    """
    layers = json.loads(information).get("Layers", [])
    counts: Counter[str] = Counter()
    for layer in layers:
        if isinstance(layer, Mapping):
            found = {_type(tensor) for tensor in layer.get("Inputs", ())}
            counts.update([name for name in PRECISIONS if name in found][:1])
    if not counts:
        raise ModelError(
            "precision: the engine does not tell the types of its layers; it was built without "
            "detailed verbosity."
        )
    return counts


def shown(precisions: Mapping[str, int]) -> str:
    """For people: "f16 in 71 layers, f32 in 9"."""
    counts = [f"{name} in {precisions[name]}" for name in PRECISIONS if precisions.get(name)]
    return f"{counts[0]} layers{''.join(f', {count}' for count in counts[1:])}"


def _type(tensor: Mapping[str, Any]) -> str | None:
    """Precision of one input, None for indices and the like."""
    words = str(tensor.get("Format/Datatype", ""))
    return next((name for name, pattern in TYPES if pattern.search(words)), None)
