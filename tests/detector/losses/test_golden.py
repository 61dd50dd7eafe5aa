"""Labels, losses and gradients are those of DAMO-YOLO on the same predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maenas.detector.assign import AlignOTA, Assignment, Priors, Targets, padded_targets
from maenas.detector.checkpoints.official import official_names
from maenas.detector.losses import FlatMaps, LossWeights, assigned_loss, detection_loss, flat_maps
from maenas.detector.model.decode import STRIDES, anchor_points
from tests.golden import hashed, image, official_weights, renamed, spec_of

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "loss_golden.json").read_text())
POINTS, STEPS = anchor_points([(40, 40), (20, 20), (10, 10)], STRIDES, torch.zeros(()))
COUNT, CLASSES, BINS = 2_100, 80, 17
PARTS = {"qfl": "quality_focal", "giou": "giou", "dfl": "distribution_focal"}


@pytest.mark.parametrize(("case", "images"), [("given", [0, 1, 2]), ("nothing", [2])])
def test_given_predictions_have_the_golden_labels_losses_and_gradients(
    case: str, images: list[int]
) -> None:
    maps, targets, golden = given_maps(images), targets_of(images), GOLDEN[case]
    assignment = AlignOTA()(maps.predictions(), maps.priors, targets)
    assert_labels(assignment, golden)
    parts = assigned_loss(maps, targets, assignment, LossWeights(), lambda counts: counts)
    assert_parts(parts, golden)
    sum(parts.values()).backward()
    scores = maps.scores.detach().sigmoid()
    of_scores = maps.scores.grad / (scores * (1 - scores))  # the golden is before the sigmoid
    assert_gradient(of_scores, golden["grad_cls_norm"], golden["grad_cls_samples"])
    assert_gradient(maps.distances.grad, golden["grad_reg_norm"], golden["grad_reg_samples"])


def test_where_the_reference_decides_by_chance_the_better_prior_is_taken() -> None:
    maps, targets = given_maps([3]), targets_of([3])
    matched, quality, _ = AlignOTA()(maps.predictions(), maps.priors, targets)
    indices = [int(index) for index in matched[0] if index >= 0]
    ours: dict[int, set[tuple[int, float]]] = {index: set() for index in indices}
    for n in (matched[0] >= 0).nonzero().flatten().tolist():
        ours[int(matched[0, n])].add((n, round(float(quality[0, n]), 3)))
    theirs = {gt: [row for row in GOLDEN["tiny"]["matches"][0] if row[1] == gt] for gt in range(3)}
    assert [len(ours[gt]) for gt in range(3)] == [len(theirs[gt]) for gt in range(3)] == [1, 2, 1]
    assert ours[0] == {(1557, 0.174)}  # IoU in the reference: 0.029
    assert ours[2] == {(theirs[2][0][0], round(theirs[2][0][2], 3))}


def test_the_network_in_training_has_the_golden_labels_losses_and_gradients_of_the_head() -> None:
    spec = spec_of("S")
    network = spec.build()
    network.load_state_dict(renamed(official_weights("S"), spec))
    network.train()
    images = torch.cat((image(320, 320, 0), image(320, 320, 1))).float()
    levels = network(images)
    maps, targets, golden = flat_maps(levels), targets_of([0, 1]), GOLDEN["network"]
    assert_labels(AlignOTA()(maps.predictions(), maps.priors, targets), golden, atol=1e-4)
    parts = detection_loss(levels, targets, AlignOTA())
    assert_parts(parts, golden)
    ours = dict(official_names(spec))
    names = [name for name in golden["grads"] if name.startswith("head.")]
    parameters = dict(network.named_parameters())
    gradients = torch.autograd.grad(sum(parts.values()), [parameters[ours[name]] for name in names])
    for name, gradient in zip(names, gradients, strict=True):
        wanted = golden["grads"][name]
        samples = list(zip(wanted["idx"], wanted["val"], strict=True))
        assert_gradient(gradient, wanted["norm"], samples, rtol=1e-4)  # noise of its threads: 2e-5


def assert_labels(assignment: Assignment, golden: dict[str, Any], atol: float = 1e-5) -> None:
    for matched, quality, rows in zip(
        assignment.matched, assignment.quality, golden["matches"], strict=True
    ):
        found = (matched >= 0).nonzero().flatten()
        assert found.tolist() == [prior for prior, _, _ in rows]
        assert matched[found].tolist() == [index for _, index, _ in rows]
        assert quality[found].tolist() == pytest.approx([q for _, _, q in rows], abs=atol)


def assert_parts(parts: dict[str, Tensor], golden: dict[str, Any]) -> None:
    assert {*parts} == {*PARTS.values()}
    for theirs, ours in PARTS.items():
        assert parts[ours].item() == pytest.approx(golden[theirs], rel=1e-5, abs=1e-7)
    assert sum(parts.values()).item() == pytest.approx(golden["total"], rel=1e-5)


def assert_gradient(
    gradient: Tensor, norm: float, samples: list[tuple[int, float]], rtol: float = 1e-5
) -> None:
    assert gradient.norm().item() == pytest.approx(norm, rel=rtol)
    for index, value in samples:
        assert gradient.flatten()[index].item() == pytest.approx(value, rel=rtol, abs=rtol * norm)


def targets_of(images: list[int]) -> Targets:
    wanted = [GOLDEN["targets"][str(index)] for index in images]
    return padded_targets(
        [torch.tensor(one["boxes"], dtype=torch.float32).reshape(-1, 4) for one in wanted],
        [torch.tensor(one["labels"], dtype=torch.int64) for one in wanted],
    )


def given_maps(images: list[int]) -> FlatMaps:
    """Predictions where prior n aims at object n mod M of its image."""
    points, strides = POINTS.double().numpy(), STEPS.double().numpy()
    scores, logits = [], []
    for index in images:
        boxes = np.array(GOLDEN["targets"][str(index)]["boxes"], float)
        noise = hashed(3000 + index, COUNT * 4).reshape(COUNT, 4)
        distances = 4 * (1 + noise)
        if len(boxes):
            aim = boxes[np.arange(COUNT) % len(boxes)]
            sides = np.concatenate((points - aim[:, :2], aim[:, 2:] - points), axis=1)
            distances = (sides / strides).clip(0, 15.9) * (1 + 0.25 * noise)
        off = np.abs(np.arange(BINS) - distances[..., None])
        logits.append(-2 * off + 0.3 * hashed(4000 + index, COUNT * 4 * BINS).reshape(off.shape))
        scores.append(-3 + 1.5 * hashed(2000 + index, COUNT * CLASSES).reshape(COUNT, CLASSES))
    score_leaf, distance_leaf = (
        torch.from_numpy(np.stack(part)).float().requires_grad_() for part in (scores, logits)
    )
    return FlatMaps(score_leaf, distance_leaf, Priors(POINTS, STEPS[:, 0]))
