"""TOOD against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from maenas.detector.assign import TOOD
from maenas.testing.scenes import CASES, scene
from tests.slow_assign import Image, images_of, matches_of, qualities_of, slow_iou


def slow_tood(image: Image) -> dict[int, tuple[int, float]]:
    """Prior -> slot of its object, and quality."""
    takers: dict[int, list[tuple[float, int]]] = {}
    alignments, ious = {}, {}
    for index, box, label in image.objects:
        ious[index] = slow_iou(box, image.boxes)
        alignments[index] = image.scores[:, label] * ious[index] ** 6
        for prior in np.argsort(-alignments[index], kind="stable")[:13].tolist():
            sides = (*(image.points[prior] - box[:2]), *(box[2:] - image.points[prior]))
            if alignments[index][prior] > 0 and min(sides) > 0.01:
                takers.setdefault(prior, []).append((ious[index][prior], -index))
    matched = {prior: -max(by)[1] for prior, by in takers.items()}
    its = {index: [n for n, by in matched.items() if by == index] for index in ious}
    return {
        n: (
            index,
            alignments[index][n]
            / alignments[index][its[index]].max()
            * ious[index][its[index]].max(),
        )
        for n, index in matched.items()
    }


@pytest.mark.parametrize(
    ("case", "seed"), [*((case, 0) for case in CASES), *(("some objects", n) for n in range(1, 5))]
)
def test_it_matches_what_plain_loops_match(case: str, seed: int) -> None:
    batch = scene(case, seed)
    expected = [slow_tood(image) for image in images_of(batch)]
    assert matches_of(TOOD(), batch) == [
        {n: index for n, (index, _) in image.items()} for image in expected
    ]
    for quality, image in zip(qualities_of(TOOD(), batch), expected, strict=True):
        assert quality == pytest.approx({n: value for n, (_, value) in image.items()}, abs=1e-5)


def test_the_best_prior_of_an_object_has_its_best_iou_as_quality() -> None:
    batch = scene("some objects")
    for matched, quality, image in zip(
        matches_of(TOOD(), batch), qualities_of(TOOD(), batch), images_of(batch), strict=True
    ):
        boxes = {index: box for index, box, _ in image.objects}
        for index in {*matched.values()}:
            its = [n for n in matched if matched[n] == index]
            best = slow_iou(boxes[index], image.boxes[its]).max()
            assert max(quality[n] for n in its) == pytest.approx(best, abs=1e-5)
