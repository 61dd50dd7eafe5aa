"""SimOTA against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from maenas.detector.assign import SimOTA
from maenas.testing.scenes import CASES, scene
from tests.slow_assign import (
    Array,
    Image,
    images_of,
    matches_of,
    partly_annotated,
    slow_dynamic_k,
)


def slow_sim_ota(image: Image) -> dict[int, int]:
    def class_cost(scores: Array, label: int, iou: Array) -> Array:
        target = np.zeros_like(scores)
        target[:, label] = 1
        return -(target * np.log(scores) + (1 - target) * np.log(1 - scores)).sum(axis=1)

    return slow_dynamic_k(image, class_cost)


@pytest.mark.parametrize("case", CASES)
def test_it_matches_what_plain_loops_match(case: str) -> None:
    batch = scene(case)
    assert matches_of(SimOTA(), batch) == [slow_sim_ota(one) for one in images_of(batch)]


@pytest.mark.parametrize("seed", range(1, 5))
def test_it_matches_what_plain_loops_match_in_other_scenes(seed: int) -> None:
    batch = scene("some objects", seed)
    assert matches_of(SimOTA(), batch) == [slow_sim_ota(one) for one in images_of(batch)]


@pytest.mark.parametrize("seed", range(1, 5))
def test_classes_that_are_not_annotated_cost_nothing_unless_the_object_has_them(seed: int) -> None:
    batch = partly_annotated(scene("some objects", seed), seed)
    assert matches_of(SimOTA(), batch) == [slow_sim_ota(one) for one in images_of(batch)]
