"""Drawn data sets, and trainings on them by the loop of `maenas train`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from maenas.detector.data import Batch, TrainLoader, read_dataset
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.train import (
    Ranks,
    RunFolder,
    Training,
    identity,
    published_recipe,
    recipe_lines,
)
from maenas.detector.train.recipe import ComputeOptions
from maenas.training.plan import loader_options
from tests.golden import spec_of
from tests.lively import lively

CLASSES = 3
OPINION = 0.2  # factor of the head's last weights
DRAWN = 64  # images of a data set that differ


def still_network(model: str, side: int) -> tuple[DetectorSpec, DetectorNetwork]:
    """A published detector with random weights, whose scores hardly depend on rounding.

    Its BatchNorms have seen images of the size that it is run on: with the statistics of smaller
    ones, activations grow from layer to layer until 16 bits cannot hold them. Its head has weak
    opinions: untrained detectors with strong ones differ from themselves in 16 bits.
    """
    spec = spec_of(model)
    spec = replace(spec, backbone=replace(spec.backbone, in_shape=(3, side, side)))
    network = lively(spec, count=2 if side > 256 else 8)  # enough values of each channel
    branches: Any = network.head.scores
    with torch.no_grad():
        for branch in branches:
            branch[-1].weight.mul_(OPINION)
    return spec, network


def drawn_data(folder: Path, images: int, side: int) -> Path:
    """A data set of coloured rectangles on noise, few of them drawn; returns its `data.yaml`."""
    random = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for number in range(min(images, DRAWN)):
        pixels = random.integers(0, 60, (side, side, 3), dtype=np.uint8)
        rows = []
        for _ in range(6):
            label = int(random.integers(CLASSES))
            width, height = (int(v) for v in random.integers(side // 8, side // 3, 2))
            x, y = int(random.integers(side - width)), int(random.integers(side - height))
            pixels[y : y + height, x : x + width, label] = 230
            box = ((x + width / 2) / side, (y + height / 2) / side, width / side, height / side)
            rows.append(f"{label} {' '.join(f'{value:.6f}' for value in box)}")
        Image.fromarray(pixels).save(folder / "images" / f"{number}.jpg", quality=90)
        (folder / "labels" / f"{number}.txt").write_text("\n".join(rows) + "\n")
    for number in range(DRAWN, images):
        for kind, suffix in (("images", "jpg"), ("labels", "txt")):
            source = folder / kind / f"{number % DRAWN}.{suffix}"
            copy = folder / kind / f"{number}.{suffix}"
            try:
                os.link(source, copy)  # a copy takes 0.2 MB
            except OSError:  # a file system without links
                shutil.copyfile(source, copy)
    path = folder / "data.yaml"
    path.write_text("train: images\nval: images\nnames: [red, green, blue]\n")
    return path


class KeptBatches(TrainLoader):
    """A loader that makes each batch once, for several trainings that are compared."""

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """See `TrainLoader`."""
        kept = self.__dict__.setdefault("kept", {})
        if epoch not in kept:
            kept[epoch] = list(super().epoch(epoch))
        yield from kept[epoch][first:]


def training_of(
    model: str,
    data: Path,
    folder: Path,
    side: int,
    batch: int,
    steps: int,
    *,
    amp: str = "auto",
    workers: int = 0,
    ranks: Ranks | None = None,
) -> Training:
    """A training of a published detector from random weights, for about `steps` steps.

    Its images are sampled as `maenas train` samples them.
    """
    ranks = ranks or Ranks(torch.device("cuda", 0))
    torch.manual_seed(0)
    spec = spec_of(model)
    spec = replace(
        spec,
        backbone=replace(spec.backbone, in_shape=(3, side, side)),
        head=replace(spec.head, num_classes=CLASSES),
        names=("red", "green", "blue"),
    )
    dataset = read_dataset(data, "train")
    per_epoch = max(1, len(dataset) // (batch * ranks.count))
    epochs = -(-steps // per_epoch)
    compute = ComputeOptions(amp=amp)  # type: ignore[arg-type]
    recipe = replace(
        published_recipe(model), epochs=epochs, batch=batch * ranks.count, compute=compute
    )
    options = loader_options(recipe, spec, batch, ranks)
    return Training(
        network=spec.build(),
        recipe=recipe,
        loader=TrainLoader(dataset, options, workers, pin=workers > 0),
        accumulation_steps=1,
        batch=batch * ranks.count,
        ranks=ranks,
        folder=RunFolder(folder, spec),
        identity=identity(spec, dataset, "\n".join(recipe_lines(recipe))),
    )
