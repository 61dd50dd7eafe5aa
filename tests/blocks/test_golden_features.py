"""The blocks are numerically DAMO-YOLO's: same weights and image in, same features out."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from blocks import load_backbone
from blocks.layers.deploy import deploy

GOLDEN = Path(__file__).parents[1] / "data" / "backbone_golden.npz"  # make_backbone_golden.py
MODELS = ["T", "S", "L", "Ns"]


@pytest.mark.parametrize("model", MODELS)
def test_stages_return_what_those_of_damo_yolo_return(model: str) -> None:
    golden = np.load(GOLDEN)
    backbone = load_backbone(f"zoo:damo-yolo-{model.lower()}")
    every_stage = range(len(backbone.stages))
    network = backbone.build(out_indices=every_stage)
    fill(network, *(golden[f"{model}_{name}"] for name in ("convs", "means", "vars")))

    with torch.no_grad():
        maps = network.double().eval()(image(320, 448))

    for stage, std, index, value in zip(
        maps, *(golden[f"{model}_{name}"] for name in ("std", "idx", "val")), strict=True
    ):
        error = np.abs(stage.numpy().reshape(-1)[index] - value).max() / std
        assert error < 1e-5  # float64 on both sides; the sampled values are stored as float32
        assert stage.std(correction=0) == pytest.approx(std, rel=1e-6)


def test_deployed_features_are_those_of_damo_yolo() -> None:
    golden = np.load(GOLDEN)
    network = load_backbone("zoo:damo-yolo-t").build()
    fill(network, golden["T_convs"], golden["T_means"], golden["T_vars"])

    with torch.no_grad():
        features = deploy(network.double())(image(320, 448))

    for feature, stage in zip(features, (2, 4, 5), strict=True):
        sampled = feature.numpy().reshape(-1)[golden["T_idx"][stage]]
        error = np.abs(sampled - golden["T_val"][stage]).max() / golden["T_std"][stage]
        assert error < 1e-5


def test_hash_is_that_of_the_golden_files() -> None:
    assert hashed(0, 4) == pytest.approx(
        [-0.9781383752702653, -0.5725237247534096, -0.9311905256472528, -0.913122764788568]
    )
    assert hashed(5, 1_000_004)[1_000_003] == pytest.approx(-0.2735634036362171)
    assert hashed(1000, 3) == pytest.approx(
        [0.9331811824813485, -0.6643571211025119, 0.9735201406292617]
    )
    assert image(640, 640)[0, 0, 0, :3].tolist() == pytest.approx([1.5939853, 0.0615178, 1.7628831])


def fill(network: nn.Module, convs: np.ndarray, means: np.ndarray, variances: np.ndarray) -> None:
    """Give every convolution and BatchNorm the weights its twin in DAMO-YOLO has.

    `convs` has a row (place in the reference's state dict, shape of the weight) for each.
    """
    ours = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert [list(conv.weight.shape) for conv in ours] == convs[:, 1:].tolist()
    ends = np.cumsum([0, *convs[:, 1]])
    assert len(means) == ends[-1]  # no statistic is left over
    for conv, norm, place, (start, end) in zip(
        ours, norms, convs[:, 0].tolist(), pairwise(ends), strict=True
    ):
        _, *inputs = shape = conv.weight.shape
        weight = hashed(place, conv.weight.numel()) * np.sqrt(3 / np.prod(inputs))
        set_(conv.weight, weight.reshape(shape))
        set_(norm.weight, 1 + 0.1 * hashed(place + 1, norm.num_features))
        set_(norm.bias, 0.1 * hashed(place + 2, norm.num_features))
        set_(norm.running_mean, means[start:end])
        set_(norm.running_var, variances[start:end])


def set_(tensor: torch.Tensor | None, value: np.ndarray) -> None:
    assert tensor is not None
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(value.astype(np.float32)))


def image(height: int, width: int) -> torch.Tensor:
    """The golden image, (1, 3, height, width): two waves and noise."""
    c, y, x = np.ogrid[1:4, 1 : height + 1, 1 : width + 1]
    noise = hashed(1000, 3 * height * width).reshape(3, height, width)
    pixels = 0.6 * np.sin(0.11 * x * c) + 0.6 * np.cos(0.13 * y) + noise
    return torch.from_numpy(pixels.astype(np.float32)).double()[None]


def hashed(stream: int, count: int) -> np.ndarray:
    """Numbers in [-1, 1) that depend on stream and position alone, in integers modulo 2**32."""
    h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761)
    h += np.uint32((stream * 2246822519 + 374761393) % 2**32)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    h *= np.uint32(3266489917)
    h ^= h >> np.uint32(16)
    return h / 2**31 - 1
