"""A training small enough for a test: images of plain rectangles, a detector of 64 x 64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from maenas.detector.data import Augmentation, LoaderOptions, TrainLoader, read_dataset
from maenas.detector.distill import Teacher, teaching
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train import Ranks, Recipe, RunFolder, Training, identity, recipe_lines
from maenas.detector.train.optimizer import OptimizerOptions
from maenas.detector.train.schedule import ScheduleOptions
from tests.small_detector import NAMES, SIDE, small_spec

IMAGES = 5
RECIPE = Recipe(
    epochs=3,
    batch=2,
    min_steps=1,
    optimizer=OptimizerOptions(name="adamw", lr=0.002, lr_batch=2, lr_scaling="sqrt"),
    schedule=ScheduleOptions(warmup_epochs=0.5, plain_epochs=1),
)


@dataclass(frozen=True)
class FixedAp:
    """An evaluation with a given AP, for tests that need no data set."""

    ap: float
    ap50: float = 0.5


def write_data(folder: Path, images: int = IMAGES, names: tuple[str, ...] = NAMES) -> Path:
    """A data set whose objects are rectangles in the colour of their class: its `data.yaml`."""
    rng = np.random.default_rng(0)
    for number in range(images):
        pixels = rng.integers(0, 40, (SIDE, SIDE, 3), dtype=np.uint8)
        label = number % len(names)
        x, y = rng.integers(2, 30, 2)
        pixels[y : y + 28, x : x + 28, label % 3] = 230
        for kind in ("images", "labels"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        centre = f"{(x + 14) / SIDE} {(y + 14) / SIDE} {28 / SIDE} {28 / SIDE}"
        (folder / "labels" / f"{number}.txt").write_text(f"{label} {centre}\n")
    path = folder / "data.yaml"
    path.write_text(f"train: images\nval: images\nnames: [{', '.join(names)}]\n")
    return path


def small_training(
    folder: Path,
    data: Path,
    recipe: Recipe = RECIPE,
    evaluate: Callable[[DetectorNetwork], Any] | None = None,
    accumulation_steps: int = 1,
    ranks: Ranks | None = None,
    teacher: Teacher | None = None,
) -> Training:
    """A training on that data, two images at a time."""
    ranks = ranks or Ranks(torch.device("cpu"))
    torch.manual_seed(0)
    spec, dataset = small_spec("stretch"), read_dataset(data, "train")
    options = LoaderOptions(
        (SIDE, SIDE),
        batch=2,
        epochs=recipe.epochs,
        augmentation=replace(recipe.augmentation, resize="stretch"),
        plain_epochs=recipe.schedule.plain_epochs_of(recipe.epochs),
        rank=ranks.rank,
        world=ranks.count,
    )
    network, lessons = spec.build(), None
    if teacher is not None and recipe.distill is not None:
        lessons = teaching(teacher, spec, recipe.distill)
    return Training(
        network=network,
        recipe=recipe,
        loader=TrainLoader(dataset, options),
        accumulation_steps=accumulation_steps,
        batch=2 * accumulation_steps * ranks.count,
        ranks=ranks,
        folder=RunFolder(folder, spec),
        identity=identity(spec, dataset, "\n".join(recipe_lines(recipe))),
        evaluate=evaluate,
        teaching=lessons,
    )


def wider_teacher() -> Teacher:
    """A detector twice as wide, with weights that were drawn."""
    torch.manual_seed(7)
    spec = small_spec("stretch")
    wider = replace(spec, neck=replace(spec.neck, out_channels=(16, 16, 16)))
    return Teacher(wider, wider.build().state_dict(), "teacher")


PLAIN = Augmentation(mosaic=0.0, mixup=0.0, flip=0.0, sada=False)
