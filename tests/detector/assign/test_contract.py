"""What holds for every assigner."""

from __future__ import annotations

from maenas.detector.assign import ASSIGNERS
from maenas.detector.assign.assigner import MAX_PAIRS, slices
from maenas.testing import AssignerContract
from maenas.testing.scenes import CLASSES, scene


class TestOurAssigners(AssignerContract):
    assigners = tuple(kind() for kind in ASSIGNERS.values())


def test_chunks_cover_all_places_and_bound_the_pairs() -> None:
    parts = list(slices(8, 8_400, 1_000))
    assert [n for part in parts for n in range(part.start, part.stop)] == list(range(1_000))
    assert max(part.stop - part.start for part in parts) * 8 * 8_400 <= MAX_PAIRS
    assert list(slices(10**6, 10**6, 2)) == [slice(0, 1), slice(1, 2)]  # never none at a time


def test_scenes_are_what_they_are_called() -> None:
    assert scene("1,000 objects").targets.objects.sum(dim=1).tolist() == [1_000, 0, 1_000]
    assert scene("some objects").predictions.logits.shape[-1] == CLASSES
    boxes = scene("one object smaller than the grid").targets.boxes[0]
    points = scene("no objects").priors.points
    assert not ((points > boxes[0, :2]) & (points < boxes[0, 2:])).all(dim=1).any()
