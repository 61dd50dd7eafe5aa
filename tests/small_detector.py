"""A detector small enough to run at once that finds the same boxes in every image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from maenas.blocks import Backbone, ConvStem, ResK1KX
from maenas.detector import RepGFPN, ZeroHead
from maenas.detector.checkpoints.checkpoint import save_folder
from maenas.detector.model.spec import DetectorSpec, Resize

SIDE, CELL = 64, 32  # of the input; of the cells of the coarsest level, two by two
NAMES = ("cat", "dog", "bird")
SCORE = 0.9


def small_spec(resize: Resize = "letterbox", names: tuple[str, ...] = NAMES) -> DetectorSpec:
    """The spec, on images of 64 x 64."""
    stages = [ResK1KX(out_channels=8, bottleneck_channels=4, stride=2) for _ in range(4)]
    backbone = Backbone((ConvStem(out_channels=4), *stages), (2, 3, 4), (3, SIDE, SIDE))
    neck, head = RepGFPN(out_channels=(8, 8, 8), depth=1), ZeroHead(num_classes=3, reg_max=4)
    return DetectorSpec(backbone, neck, head, names, resize)


def one_to_one_spec() -> DetectorSpec:
    """The spec with a one-to-one head."""
    spec = small_spec()
    return replace(spec, head=replace(spec.head, one_to_one=True))


def constant_weights(spec: DetectorSpec) -> dict[str, Tensor]:
    """Weights that see a dog of score 0.9 in each cell of the coarsest level, filling it."""
    weights = spec.build().state_dict()
    for name in weights:
        if name.startswith("head.") and not name.startswith("head.scales"):
            weights[name] = torch.zeros_like(weights[name])
    for level in range(3):
        weights[f"head.scores.{level}.0.bias"][:] = -20.0
    weights["head.scores.2.0.bias"][NAMES.index("dog")] = torch.logit(torch.tensor(SCORE))
    bins = weights["head.distances.2.0.bias"].reshape(4, -1)  # a view: left, top, right, bottom
    for side, strides in enumerate((0, 0, 1, 1)):  # anchors are the top left corners of cells
        bins[side, strides] = 50.0
    return weights


def small_folder(folder: Path, resize: Resize = "letterbox") -> Path:
    """The detector as a folder, whose weights count as trained."""
    spec = small_spec(resize)
    save_folder(folder, spec, constant_weights(spec), trained=True)
    return folder
