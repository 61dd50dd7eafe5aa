"""TOOD against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from detector.assign import TOOD
from tests.scenes import CASES, scene
from tests.slow_assign import Picture, matches_of, pictures_of, qualities_of, slow_iou


def slow_tood(picture: Picture) -> dict[int, tuple[int, float]]:
    """Prior -> place of its object, and quality."""
    takers: dict[int, list[tuple[float, int]]] = {}
    alignments, ious = {}, {}
    for place, box, label in picture.objects:
        ious[place] = slow_iou(box, picture.boxes)
        alignments[place] = picture.scores[:, label] * ious[place] ** 6
        for prior in np.argsort(-alignments[place], kind="stable")[:13].tolist():
            sides = (*(picture.points[prior] - box[:2]), *(box[2:] - picture.points[prior]))
            if alignments[place][prior] > 0 and min(sides) > 0.01:
                takers.setdefault(prior, []).append((ious[place][prior], -place))
    matched = {prior: -max(by)[1] for prior, by in takers.items()}
    its = {place: [n for n, by in matched.items() if by == place] for place in ious}
    return {
        n: (
            place,
            alignments[place][n]
            / alignments[place][its[place]].max()
            * ious[place][its[place]].max(),
        )
        for n, place in matched.items()
    }


@pytest.mark.parametrize(
    ("case", "seed"), [*((case, 0) for case in CASES), *(("some objects", n) for n in range(1, 5))]
)
def test_it_matches_what_plain_loops_match(case: str, seed: int) -> None:
    batch = scene(case, seed)
    expected = [slow_tood(picture) for picture in pictures_of(batch)]
    assert matches_of(TOOD(), batch) == [
        {n: place for n, (place, _) in picture.items()} for picture in expected
    ]
    for quality, picture in zip(qualities_of(TOOD(), batch), expected, strict=True):
        assert quality == pytest.approx({n: value for n, (_, value) in picture.items()}, abs=1e-5)


def test_the_best_prior_of_an_object_has_its_best_iou_as_quality() -> None:
    batch = scene("some objects")
    for matched, quality, picture in zip(
        matches_of(TOOD(), batch), qualities_of(TOOD(), batch), pictures_of(batch), strict=True
    ):
        boxes = {place: box for place, box, _ in picture.objects}
        for place in {*matched.values()}:
            its = [n for n in matched if matched[n] == place]
            best = slow_iou(boxes[place], picture.boxes[its]).max()
            assert max(quality[n] for n in its) == pytest.approx(best, abs=1e-5)
