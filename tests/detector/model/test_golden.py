"""Detectors are numerically DAMO-YOLO's: same weights and image in, same scores and boxes out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from maenas.blocks.layers.deploy import deploy
from maenas.detector.checkpoints.official import official_names
from maenas.detector.model.layers.network import DetectorNetwork
from tests.golden import (
    CONSTANT,
    FILE,
    MODELS,
    hashed,
    image,
    official_keys,
    official_weights,
    renamed,
    spec_of,
)

RUN = ("T", "S", "L", "Ns", "Nl")  # with golden outputs; M is made of the blocks of L
QUICK = ("T", "L", "Ns")  # one of each kind of backbone; the others add no block
FORMS = ("training", "deployed")
SIZES = {"A": (640, 640), "B": (320, 448)}
# The whole key lists of the reference, where they are at hand: a folder of <model>_state_dict.json
LISTS = os.environ.get("MAENAS_GOLDEN")


def slow_unless(is_quick: bool, *values: str) -> Any:
    return pytest.param(*values, marks=() if is_quick else pytest.mark.slow)


every_run = pytest.mark.parametrize("model", [slow_unless(m in QUICK, m) for m in RUN])
every_image = pytest.mark.parametrize(
    ("model", "name"),
    [
        slow_unless(model in QUICK and (model, name) != ("L", "A"), model, name)
        for model in RUN
        for name in SIZES
    ],
)


@dataclass(frozen=True)
class Case:
    """A network with the golden weights, and what the reference says about it.

    `network` has learnt its statistics in one pass over image A, in float64; `wanted` are the
    arrays of `make_detector_golden.py` by name.
    """

    network: DetectorNetwork
    deployed: DetectorNetwork
    wanted: Mapping[str, np.ndarray]


@cache
def case(model: str) -> Case:
    spec = spec_of(model)
    network = spec.build()
    network.load_state_dict(renamed(official_weights(model), spec))
    with torch.inference_mode():
        learn_statistics(network.double(), image(*size(model, "A")))
    with np.load(FILE) as golden:
        wanted = {
            name.removeprefix(f"{model}_"): golden[name]
            for name in golden.files
            if name.startswith(f"{model}_")
        }
    return Case(network, deploy(network), wanted)


@every_run
def test_batch_norms_learn_what_those_of_damo_yolo_learn(model: str) -> None:
    golden, spec = case(model), spec_of(model)
    learnt = golden.network.state_dict()
    means = [ours for theirs, ours in official_names(spec) if theirs.endswith("running_mean")]
    found = [
        [learnt[name][[0, -1]].tolist(), learnt[name.replace("mean", "var")][[0, -1]].tolist()]
        for name in means
    ]
    np.testing.assert_allclose(found, golden.wanted["norms"], rtol=1e-6, atol=1e-9)


@every_run
def test_stages_and_neck_return_what_those_of_damo_yolo_return(model: str) -> None:
    golden = case(model)
    backbone, neck = golden.network.backbone, golden.network.neck
    with torch.inference_mode():
        maps = stages(backbone, image(*SIZES["B"]))
        levels = neck([maps[index] for index in backbone.out_indices])

    wanted = zip(*(golden.wanted[name] for name in ("std", "idx", "val")), strict=True)
    for found, (std, index, value) in zip([*maps, *levels], wanted, strict=True):
        error = np.abs(found.numpy().reshape(-1)[index] - value).max() / std
        assert error < 1e-6  # float64 on both sides; the sampled values are stored as float32
        assert found.std(correction=0).item() == pytest.approx(std, rel=1e-7)


@pytest.mark.parametrize("form", FORMS)
@every_image
def test_scores_and_boxes_are_those_of_damo_yolo(model: str, name: str, form: str) -> None:
    golden = case(model)
    network = golden.network if form == "training" else golden.deployed

    with torch.inference_mode():
        scores, boxes = network.predict(image(*size(model, name)))

    index, value = golden.wanted[f"{name}_cls"]
    assert np.abs(scores.numpy().ravel()[index.astype(int)] - value).max() < 1e-6
    position, *corners = golden.wanted[f"{name}_box"].T
    found = boxes[0].numpy()[position.astype(int)]
    assert np.abs(found - np.stack(corners, axis=1)).max() < 1e-3  # pixels


def test_scores_and_boxes_are_worth_comparing() -> None:
    """A network that fades to a constant would agree with any other that does."""
    for model in QUICK:
        wanted = case(model).wanted
        _, scores = wanted["B_cls"]
        assert scores.max() - scores.min() > 0.3
        assert wanted["B_box"][:, 1:].std() > 50
        assert (wanted["std"] > 0.3).all()


@pytest.mark.parametrize("model", MODELS)
def test_state_dicts_map_one_to_one_in_the_official_order(model: str) -> None:
    spec = spec_of(model)
    pairs = official_names(spec)
    shapes = {name: tuple(value.shape) for name, value in spec.build().state_dict().items()}

    listed = [(key, shape) for key, shape in official_keys(model) if key != CONSTANT]

    assert [(theirs, shapes[ours]) for theirs, ours in pairs] == listed
    assert sorted(ours for _, ours in pairs) == sorted(shapes)


@pytest.mark.skipif(LISTS is None, reason="MAENAS_GOLDEN names no folder of the reference")
@pytest.mark.parametrize("model", MODELS)
def test_the_kept_key_lists_are_those_of_the_reference(model: str) -> None:
    listed = json.loads((Path(str(LISTS)) / f"{model}_state_dict.json").read_text())
    assert official_keys(model) == [(key, tuple(shape)) for key, shape in listed]


def test_weights_and_image_are_those_of_the_reference() -> None:
    """Figures that the reference quotes of its own."""
    assert hashed(0, 4) == pytest.approx(
        [-0.9781383252702653, -0.5725237247534096, -0.9311905256472528, -0.913122764788568]
    )
    assert hashed(5, 1_000_004)[1_000_003] == pytest.approx(-0.2735634036362171)
    weights = official_weights("S")
    kernel = [0.0099089220, -0.0067865523, -0.0100846905]
    assert first_three(weights["head.gfl_cls.0.weight"]) == pytest.approx(kernel)
    bias = [-2.2889869, -2.0393939, -2.1557481]
    assert first_three(weights["head.gfl_cls.0.bias"]) == pytest.approx(bias)
    assert weights["head.scales.1.scale"].item() == pytest.approx(0.9922590)
    pixels = image(640, 640)
    assert first_three(pixels) == pytest.approx([1.5939853, 0.0615178, 1.7628831])
    assert pixels[0, 2, 639, 639].item() == pytest.approx(-0.7780429)
    assert pixels.mean().item() == pytest.approx(0.0135703, abs=1e-7)


def first_three(tensor: Tensor) -> list[float]:
    return tensor.ravel()[:3].tolist()


def size(model: str, name: str) -> tuple[int, int]:
    """Height and width of a golden image; A is smaller for the nano models."""
    return (416, 416) if name == "A" and model.startswith("N") else SIZES[name]


def learn_statistics(network: DetectorNetwork, x: Tensor) -> None:
    """Take the statistics of one training pass, rounded as the reference keeps them."""
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    network.train()
    network.neck(network.backbone(x))
    for norm in norms:
        for statistic in (norm.running_mean, norm.running_var):
            assert statistic is not None
            statistic.copy_(statistic.float())
    network.eval()


def stages(backbone: nn.Module, x: Tensor) -> list[Tensor]:
    """The output of every stage."""
    maps = []
    for stage in backbone.stages.children():
        x = stage(x)
        maps.append(x)
    return maps
