"""Initial weights have the distributions of DAMO-YOLO's code, tensor by tensor."""

from __future__ import annotations

from math import log, sqrt

import pytest
import torch
from torch import Tensor

from maenas.blocks import load_backbone
from maenas.detector import load_template
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import assemble

NANO, FULL = ("ns", "nm", "nl"), ("t", "s", "m", "l")
CONSTANTS = {"running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0.0}
TOLERANCE = 6.0  # standard errors; of 7 detectors' 3,000 tensors none may be farther away


@pytest.fixture(scope="module", params=[*NANO, *FULL])
def scale(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def network(scale: str) -> DetectorNetwork:
    torch.manual_seed(1)
    return assemble(load_backbone(f"zoo:damo-yolo-{scale}"), load_template(scale)).build()


def uniform(weight: Tensor) -> float:
    """The deviation of PyTorch's default, U(-a, a) with a = 1 / sqrt(fan-in): a / sqrt(3)."""
    return 1 / sqrt(3 * weight[0].numel())


def expected(name: str, weight: Tensor, is_nano: bool) -> tuple[str, float]:
    """The distribution of a convolution's weights, and its standard deviation.

    Read from `tinynas_mob.py`, `DepthwiseConv` and `zero_head.py`; the other parts of the
    reference keep PyTorch's default.
    """
    if name.startswith("head."):
        return "normal", 0.01
    if is_nano and name.startswith("backbone."):
        return "normal", 1 / weight.shape[1]
    if is_nano and "_to_" in name:  # downsampling in the neck
        return "normal", sqrt(2 / (weight.shape[0] * weight[0, 0].numel()))
    return "uniform", uniform(weight)


def test_every_convolution_is_drawn_as_in_the_reference(
    scale: str, network: DetectorNetwork
) -> None:
    counted = {"normal": 0, "uniform": 0}
    for name, weight in network.state_dict().items():
        if weight.dim() != 4:
            continue
        kind, deviation = expected(name, weight, scale in NANO)
        count = weight.numel()
        counted[kind] += 1
        assert abs(float(weight.mean())) < TOLERANCE * deviation / sqrt(count), name
        # The standard error of a deviation is sqrt(kurtosis - 1) / 2 of it, 3 or 9/5 for these.
        spread = sqrt((3.0 if kind == "normal" else 1.8) - 1) / 2
        assert float(weight.std()) == pytest.approx(
            deviation, rel=TOLERANCE * spread / sqrt(count)
        ), name
        farthest = float(weight.abs().max()) / deviation
        if kind == "uniform":
            assert farthest <= sqrt(3) + 1e-3, name
        elif count >= 1000:
            assert farthest > 2.5, name
    # Six in the head; in a nano detector ten in the neck, and all 30 or 33 of the backbone.
    nano = {"ns": 46, "nm": 46, "nl": 49}
    assert counted["normal"] == nano.get(scale, 6)


def test_biases_norms_and_scales_start_as_in_the_reference(
    scale: str, network: DetectorNetwork
) -> None:
    for name, value in network.state_dict().items():
        last = name.rpartition(".")[2]
        if value.dim() == 4:
            continue
        if last in CONSTANTS:
            constant = CONSTANTS[last]
        elif name.startswith("head.scores."):
            constant = -log(99)
        elif name.startswith("head.distances."):
            constant = 0.0
        elif name.startswith("head.scales.") or last == "weight":
            constant = 1.0
        else:
            is_backbone = scale in NANO and name.startswith("backbone.")
            constant = 1e-4 if is_backbone else 0.0
        assert torch.equal(value, torch.full_like(value, constant)), name


def test_a_backbone_without_a_detector_starts_likewise() -> None:
    torch.manual_seed(0)
    stem = next(load_backbone("zoo:damo-yolo-ns").build().parameters())
    assert stem.shape == (16, 3, 3, 3)
    assert float(stem.detach().std()) == pytest.approx(1 / 3, rel=0.15)
