"""Images a step, for large and small data sets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maenas.detector.train import Recipe, batch_size, smallest_batch
from maenas.detector.train.recipe import ComputeOptions

COCO = 118_287


@pytest.mark.parametrize(
    ("images", "epochs", "processes", "fitting", "expected"),
    [
        (COCO, 300, 8, 32, (32, 1, 256)),  # as published
        (COCO, 300, 8, 128, (32, 1, 256)),
        (COCO, 300, 1, 64, (64, 4, 256)),
        (COCO, 300, 1, 8, (8, 32, 256)),
        (COCO, 10, 1, 256, (236, 1, 236)),  # 5,000 steps in ten epochs
        (500, 100, 1, 8, (8, 1, 8)),  # 10 would do; 8 are loaded, and one batch is nearer
        (1000, 100, 1, 8, (8, 2, 16)),
        (8, 200, 1, 8, (8, 1, 8)),
        (3, 200, 1, 8, (3, 1, 3)),  # an epoch has no more
    ],
)
def test_a_step_has_the_published_batch_unless_the_training_would_be_too_short(
    images: int, epochs: int, processes: int, fitting: int, expected: tuple[int, int, int]
) -> None:
    size = batch_size(Recipe(epochs=epochs), images, processes, fitting)
    assert (size.loaded, size.accumulation_steps, size.step) == expected


def test_what_the_recipe_loads_is_not_changed() -> None:
    recipe = replace(Recipe(), compute=ComputeOptions(batch=48))
    size = batch_size(recipe, COCO, 2, fitting=1)
    assert (size.loaded, size.accumulation_steps, size.step) == (48, 3, 288)


def test_small_images_come_in_larger_batches_when_there_is_a_teacher() -> None:
    taught = {side: smallest_batch((side, side), True) for side in (32, 96, 128, 160, 192, 640)}
    assert taught == {32: 32, 96: 32, 128: 16, 160: 16, 192: 8, 640: 8}
    assert all(smallest_batch((side, side), False) == 8 for side in taught)
    assert smallest_batch((128, 640), True) == 8
    size = batch_size(Recipe(epochs=6), 1000, 1, fitting=32, smallest=32)
    assert (size.loaded, size.accumulation_steps) == (32, 1)
