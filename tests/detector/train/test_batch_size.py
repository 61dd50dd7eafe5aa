"""Images a step, for large and small data sets."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from maenas.blocks import ResK1DWSEK1
from maenas.detector.errors import TrainError
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.train import (
    BatchSize,
    Recipe,
    batch_size,
    fewest_images,
    require_fewest,
    smallest_batch,
)
from maenas.detector.train.recipe import ComputeOptions
from tests.small_detector import small_spec

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


def sized(side: int) -> DetectorSpec:
    """The small detector for an input of another size."""
    spec = small_spec()
    return replace(spec, backbone=replace(spec.backbone, in_shape=(3, side, side)))


def squeezing() -> DetectorSpec:
    """The small detector with squeeze-and-excite in its last stage."""
    spec = small_spec()
    last = ResK1DWSEK1(out_channels=8, bottleneck_channels=16, stride=2)
    stages = (*spec.backbone.stages[:-1], last)
    return replace(spec, backbone=replace(spec.backbone, stages=stages))


def test_a_batch_norm_sees_more_than_one_value_of_a_channel() -> None:
    assert (fewest_images(sized(32)), fewest_images(sized(64))) == (2, 1)
    assert fewest_images(sized(64), sides=(64, 32)) == 2
    assert fewest_images(sized(32), sides=(64, 96)) == 1  # the sides take the place of the size
    assert fewest_images(squeezing()) == 2


@pytest.mark.parametrize("spec", [sized(32), squeezing()], ids=["one cell", "squeezing"])
def test_with_one_image_batch_norm_fails_and_with_the_fewest_it_does_not(
    spec: DetectorSpec,
) -> None:
    side = spec.backbone.in_shape[1]
    network = spec.build().train()
    network(torch.rand(fewest_images(spec), 3, side, side))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(torch.rand(1, 3, side, side))


@pytest.mark.parametrize(
    ("spec", "size", "images", "sides", "remedy"),
    [
        (sized(32), BatchSize(1, 2), 9, (), "2 or more, or --input-size of at least 64."),
        (sized(32), BatchSize(2, 1), 1, (), "use at least 2 images for each process, or --input"),
        (sized(32), BatchSize(2, 1, 3), 3, (), "use at least 2 images for each process"),
        (sized(64), BatchSize(1, 1), 9, (32, 64), "2 or more, or sides of at least 64."),
        (squeezing(), BatchSize(1, 1), 9, (), "1x1; set compute.batch=2 or more."),
    ],
    ids=["batch", "images", "processes", "sides", "squeezing"],
)
def test_a_training_with_too_few_images_a_batch_is_refused(
    spec: DetectorSpec, size: BatchSize, images: int, sides: tuple[int, ...], remedy: str
) -> None:
    with pytest.raises(TrainError) as error:
        require_fewest(size, images, spec, sides)
    assert remedy in str(error.value)
    require_fewest(replace(size, loaded=2), 6, spec, sides)
