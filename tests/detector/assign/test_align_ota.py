"""AlignOTA against the reference's labels and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maenas.detector.assign import AlignOTA, Predictions, Priors, padded_targets
from maenas.testing.scenes import CASES, scene
from tests.slow_assign import (
    Array,
    Image,
    images_of,
    matches_of,
    partly_annotated,
    qualities_of,
    slow_dynamic_k,
    slow_iou,
)


def slow_align_ota(image: Image) -> dict[int, int]:
    def class_cost(scores: Array, label: int, iou: Array) -> Array:
        target = np.zeros_like(scores)
        target[:, label] = iou
        entropy = -(target * np.log(scores) + (1 - target) * np.log(1 - scores))
        return (entropy * (target - scores) ** 2).sum(axis=1)

    return slow_dynamic_k(image, class_cost)


@pytest.mark.parametrize("case", CASES)
def test_it_matches_what_plain_loops_match(case: str) -> None:
    batch = scene(case)
    assert matches_of(AlignOTA(), batch) == [slow_align_ota(one) for one in images_of(batch)]


@pytest.mark.parametrize("seed", range(1, 9))
def test_it_matches_what_plain_loops_match_in_other_scenes(seed: int) -> None:
    batch = scene("some objects", seed)
    assert matches_of(AlignOTA(), batch) == [slow_align_ota(one) for one in images_of(batch)]


@pytest.mark.parametrize("seed", range(1, 5))
def test_classes_that_are_not_annotated_cost_nothing_unless_the_object_has_them(seed: int) -> None:
    batch = partly_annotated(scene("some objects", seed), seed)
    assert matches_of(AlignOTA(), batch) == [slow_align_ota(one) for one in images_of(batch)]


def test_quality_is_the_iou_of_the_predicted_box() -> None:
    batch = scene("some objects")
    matched = matches_of(AlignOTA(), batch)
    for image, its, quality in zip(
        images_of(batch), matched, qualities_of(AlignOTA(), batch), strict=True
    ):
        boxes = {index: box for index, box, _ in image.objects}
        expected = {
            n: slow_iou(boxes[index], image.boxes[n : n + 1])[0] for n, index in its.items()
        }
        assert quality == pytest.approx(expected, abs=1e-5)


def test_an_object_smaller_than_the_grid_gets_the_box_that_fits_it_best() -> None:
    """Costs differ by less than 8, the step of 32-bit floats at 1e8."""
    points = torch.tensor([[96.0, 80.0], [104.0, 80.0], [96.0, 88.0], [104.0, 88.0]])
    box = torch.tensor([97.0, 82.0, 101.0, 86.0])  # no point inside
    grown = torch.tensor([-1.0, -1.0, 1.0, 1.0])
    boxes = torch.stack([box + by * grown for by in (4.0, 2.0, 1.0, 3.0)])
    assignment = AlignOTA()(
        Predictions(torch.zeros(1, 4, 2), boxes[None]),
        Priors(points, torch.full((4,), 8.0)),
        padded_targets([box[None]], [torch.tensor([1])]),
    )
    # IoU of the third: 16 / 36, so k = floor(16 / 36 + 16 / 64 + 16 / 100 + 16 / 144) = 0, then 1
    assert assignment.matched.tolist() == [[-1, -1, 0, -1]]
    assert assignment.quality[0, 2].item() == pytest.approx(16 / 36)


def test_a_prior_that_two_objects_take_goes_to_the_cheaper() -> None:
    point, stride = torch.tensor([[16.0, 16.0]]), torch.tensor([8.0])
    boxes = torch.tensor([[8.0, 8.0, 24.0, 32.0], [8.0, 8.0, 24.0, 24.0]])
    predicted = Predictions(torch.zeros(1, 1, 2), torch.tensor([[[8.0, 8.0, 24.0, 24.0]]]))
    targets = padded_targets([boxes], [torch.tensor([0, 0])])
    assert AlignOTA()(predicted, Priors(point, stride), targets).matched.tolist() == [[1]]


def test_an_object_outside_the_image_takes_nothing() -> None:
    batch = scene("objects outside")
    for image in matches_of(AlignOTA(), batch):
        assert all(index < 3 for index in image.values())  # the last three are outside
