"""One-to-one assignment against plain loops over all pairs of object and prior."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from maenas.detector.assign import (
    ATSS,
    TOOD,
    AlignOTA,
    Assigner,
    OneToOne,
    Predictions,
    Priors,
    SimOTA,
    padded_targets,
)
from maenas.detector.assign.dynamic_k import NEVER
from maenas.detector.assign.one_to_one import one_prior_each
from maenas.testing import AssignerContract
from maenas.testing.scenes import scene
from tests.slow_assign import Array, Image, images_of, matches_of, qualities_of, slow_iou

Cost = Callable[[Image, int, Array], Array]  # cost of each prior for a label and the IoUs


class TestOneToOne(AssignerContract):
    assigners = (OneToOne(AlignOTA()),)


def align_cost(image: Image, label: int, iou: Array) -> Array:
    target = np.zeros_like(image.scores)
    target[:, label] = iou
    entropy = -(target * np.log(image.scores) + (1 - target) * np.log(1 - image.scores))
    whole = (entropy * (target - image.scores) ** 2).sum(axis=1)
    return np.asarray(whole - 3 * np.log(iou + 1e-7))


def sim_cost(image: Image, label: int, iou: Array) -> Array:
    absent = -np.log(1 - image.scores).sum(axis=1)
    own = np.log(1 - image.scores[:, label]) - np.log(image.scores[:, label])
    return np.asarray(absent + own - 3 * np.log(iou + 1e-7))


def alignment_cost(image: Image, label: int, iou: Array) -> Array:
    return np.asarray(-np.log(image.scores[:, label]) - 6 * np.log(iou + 1e-7))


def slow_greedy(image: Image, cost_of: Cost, by_centre: bool) -> dict[int, int]:
    """All pairs in the order of their cost, each taken if its object and prior are free."""
    inside, near = {}, {}
    for index, box, _ in image.objects:
        inside[index] = ((image.points > box[:2]) & (image.points < box[2:])).all(axis=1)
        off = np.abs(image.points - (box[:2] + box[2:]) / 2).max(axis=1)
        near[index] = off < (2.5 if by_centre else 1.0) * image.strides
    anywhere = np.any([inside[index] | near[index] for index in inside], axis=0)
    pairs = []
    for index, box, label in image.objects:
        either = inside[index] | near[index]
        if by_centre:  # these may take any prior that is near some object
            first, allowed = inside[index] & near[index], anywhere & either.any()
        else:
            first, allowed = inside[index], either
        cost = cost_of(image, label, slow_iou(box, image.boxes))
        pairs += [
            (not first[prior], cost[prior], index, prior)
            for prior in np.flatnonzero(allowed).tolist()
        ]
    found: dict[int, int] = {}
    for _, _, index, prior in sorted(pairs):
        if prior not in found and index not in found.values():
            found[prior] = index
    return found


@pytest.mark.parametrize(
    ("beside", "cost", "by_centre"),
    [
        (AlignOTA(), align_cost, True),
        (SimOTA(), sim_cost, True),
        (TOOD(), alignment_cost, False),
        (ATSS(), alignment_cost, False),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_it_matches_the_cheapest_pairs_first(beside: Assigner, cost: Cost, by_centre: bool) -> None:
    for case in ("some objects", "one object smaller than the grid", "ignore regions"):
        batch = scene(case)
        expected = [slow_greedy(one, cost, by_centre) for one in images_of(batch) if one.objects]
        found = [its for its in matches_of(OneToOne(beside), batch) if its]
        assert found == expected, case


def test_duplicates_and_crowds_get_one_prior_each_and_no_prior_twice() -> None:
    for case in ("duplicate boxes", "some objects", "one object smaller than the grid"):
        batch = scene(case)
        for image, its in zip(
            images_of(batch), matches_of(OneToOne(AlignOTA()), batch), strict=True
        ):
            assert sorted(its.values()) == [index for index, _, _ in image.objects], case


def test_quality_is_the_iou_of_the_predicted_box() -> None:
    batch, assign = scene("some objects"), OneToOne(AlignOTA())
    all_matches, all_qualities = matches_of(assign, batch), qualities_of(assign, batch)
    for image, its, quality in zip(images_of(batch), all_matches, all_qualities, strict=True):
        boxes = {index: box for index, box, _ in image.objects}
        expected = {
            n: slow_iou(boxes[index], image.boxes[n : n + 1])[0] for n, index in its.items()
        }
        assert quality == pytest.approx(expected, abs=1e-5)


def test_an_object_whose_first_choice_is_cheaper_for_another_takes_its_next() -> None:
    chosen = torch.tensor([[[0, 1, 2], [0, 2, 1], [0, 1, 2]]])
    keys = torch.tensor([[[5, 6, 9], [3, 8, 10], [4, 5, NEVER]]], dtype=torch.int32)

    matched = one_prior_each(chosen, keys, priors=4)

    # 0 goes to slot 1 (3), then 1 to slot 2 (5, before the 6 of slot 0), and 2 is left for slot 0
    assert matched.tolist() == [[1, 2, 0, -1]]


def test_an_object_outside_the_image_or_without_a_free_prior_takes_none() -> None:
    far = torch.tensor([[400.0, 400.0, 420.0, 420.0]])
    near = torch.tensor([[0.0, 0.0, 16.0, 16.0]])
    point = Priors(torch.tensor([[8.0, 8.0]]), torch.tensor([8.0]))
    for boxes, expected in ((far, -1), (near, 0), (near.repeat(2, 1), 0)):
        targets = padded_targets([boxes], [torch.zeros(len(boxes), dtype=torch.int64)])
        found = OneToOne(AlignOTA())(Predictions(torch.zeros(1, 1, 2), near[None]), point, targets)
        assert found.matched.tolist() == [[expected]]
