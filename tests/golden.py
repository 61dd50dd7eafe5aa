"""Weights, image and names of the golden detectors, made of nothing but their positions.

The reference (tinyvision/DAMO-YOLO @ 319572e, 2024-03-26, Apache-2.0) was run with weights and a
image that are a hash of where each number stands. So they need not be stored: here they are
made again, for our networks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maenas.blocks import load_backbone
from maenas.detector import load_template
from maenas.detector.checkpoints.official import official_names
from maenas.detector.model.spec import DetectorSpec, assemble

Array = NDArray[np.float64]
Key = tuple[str, tuple[int, ...]]  # of an official state dict, and the shape of what it names

FILE = Path(__file__).parent / "data" / "detector_golden.npz"  # make_detector_golden.py writes it
MODELS = ("T", "S", "M", "L", "Ns", "Nm", "Nl")
CONSTANT = "head.integral.project"  # 0, 1, .. reg_max: a buffer there, nothing to learn


def spec_of(model: str) -> DetectorSpec:
    """The published detector by the name the reference gives it."""
    scale = model.lower()
    return assemble(load_backbone(f"zoo:damo-yolo-{scale}"), load_template(scale))


def official_keys(model: str) -> list[Key]:
    """The state dict of the reference: every key in its order, with the shape."""
    with np.load(FILE) as golden:
        listed = json.loads(str(golden[f"{model}_keys"]))
    return [(key, tuple(shape)) for key, shape in listed]


def official_weights(model: str) -> dict[str, Tensor]:
    """The golden state dict, running statistics as before any training."""
    return {
        key: torch.from_numpy(filling(key, shape, index)).reshape(shape)
        for index, (key, shape) in enumerate(official_keys(model))
    }


def renamed(weights: Mapping[str, Tensor], spec: DetectorSpec) -> dict[str, Tensor]:
    """An official state dict under our names."""
    return {ours: weights[theirs] for theirs, ours in official_names(spec)}


def filling(key: str, shape: tuple[int, ...], index: int) -> NDArray[np.float32 | np.int64]:
    """The golden value of a key that stands at this place of the state dict."""
    if key == CONSTANT:
        return np.arange(shape[0], dtype=np.float32)
    value = hashed(index, int(np.prod(shape)))
    match key.rsplit(".", 1)[-1]:
        case "num_batches_tracked":
            return np.ones((), np.int64)
        case "running_mean":
            value = np.zeros_like(value)
        case "running_var":
            value = np.ones_like(value)
        case "weight" if len(shape) == 4:
            value *= np.sqrt(3 / np.prod(shape[1:]))
        case "weight" | "scale":
            value = 1 + 0.1 * value
        case "bias" if "gfl_cls" in key:
            value = -2 + 0.5 * value
        case "bias":
            value *= 0.1
    return value.astype(np.float32)


def image(height: int, width: int, index: int = 0) -> Tensor:
    """A golden image, (1, 3, height, width) in float64: two waves and the noise of its index."""
    c, y, x = np.ogrid[1:4, 1 : height + 1, 1 : width + 1]
    noise = hashed(1000 + index, 3 * height * width).reshape(3, height, width)
    pixels = 0.6 * np.sin(0.11 * x * c) + 0.6 * np.cos(0.13 * y) + noise
    return torch.from_numpy(pixels.astype(np.float32)).double()[None]


def hashed(stream: int, count: int) -> Array:
    """Numbers in [-1, 1) that depend on stream and position alone, in integers modulo 2**32."""
    h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761)
    h += np.uint32((stream * 2246822519 + 374761393) % 2**32)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    h *= np.uint32(3266489917)
    h ^= h >> np.uint32(16)
    numbers: Array = h / 2**31 - 1
    return numbers
