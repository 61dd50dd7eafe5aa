"""ATSS against the reference's labels and against plain loops."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from maenas.detector.assign import ATSS, Predictions, Priors, padded_targets
from maenas.detector.model.decode import anchor_points
from maenas.testing.scenes import CASES, STRIDES, scene
from tests.slow_assign import Image, images_of, matches_of, slow_iou

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "loss_golden.json").read_text())


def slow_atss(image: Image) -> dict[int, int]:
    half = 4 * image.strides[:, None]
    anchors = np.concatenate((image.points - half, image.points + half), axis=1)
    best: dict[int, tuple[float, int]] = {}
    for index, box, _ in image.objects:
        iou = slow_iou(box, anchors)
        distance = np.linalg.norm(image.points - (box[:2] + box[2:]) / 2, axis=1)
        near = np.concatenate(
            [
                level[np.argsort(distance[level], kind="stable")[:9]]
                for level in (np.flatnonzero(image.strides == stride) for stride in STRIDES)
            ]
        )
        threshold = iou[near].mean() + iou[near].std(ddof=1)
        for prior in near.tolist():
            sides = (*(image.points[prior] - box[:2]), *(box[2:] - image.points[prior]))
            if iou[prior] >= threshold and min(sides) > 0.01:
                best[prior] = max(best.get(prior, (-1.0, 0)), (iou[prior], -index))
    return {prior: -index for prior, (_, index) in best.items()}


@pytest.mark.parametrize("image", [0, 1])
def test_it_matches_what_the_reference_matches(image: int) -> None:
    points, strides = anchor_points([(40, 40), (20, 20), (10, 10)], STRIDES, torch.zeros(()))
    wanted = GOLDEN["targets"][str(image)]
    targets = padded_targets(
        [torch.tensor(wanted["boxes"])], [torch.tensor(wanted["labels"], dtype=torch.int64)]
    )
    matched = ATSS().match_anchors(Priors(points, strides[:, 0]), targets)[0]
    found = (matched >= 0).nonzero().flatten()
    assert [[n, int(matched[n])] for n in found.tolist()] == GOLDEN["atss"][image]


@pytest.mark.parametrize("case", CASES)
def test_it_matches_what_plain_loops_match(case: str) -> None:
    batch = scene(case)
    assert matches_of(ATSS(), batch) == [slow_atss(one) for one in images_of(batch)]


@pytest.mark.parametrize("seed", range(1, 5))
def test_it_matches_what_plain_loops_match_in_other_scenes(seed: int) -> None:
    batch = scene("some objects", seed)
    assert matches_of(ATSS(), batch) == [slow_atss(one) for one in images_of(batch)]


def test_a_single_prior_that_lies_in_the_object_is_matched() -> None:
    predicted = Predictions(torch.zeros(1, 1, 2), torch.tensor([[[8.0, 8.0, 24.0, 24.0]]]))
    targets = padded_targets([torch.tensor([[8.0, 8.0, 24.0, 32.0]])], [torch.tensor([0])])
    assignment = ATSS()(
        predicted, Priors(torch.tensor([[16.0, 16.0]]), torch.tensor([8.0])), targets
    )
    assert assignment.matched.tolist() == [[0]]
    assert assignment.quality.item() == pytest.approx(16 / 24)  # of the predicted box
