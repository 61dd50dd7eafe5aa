"""Images of labels and predictions in the run folder."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from itertools import chain, islice, zip_longest
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from maenas.blocks.files.atomic_write import write_bytes
from maenas.detector.checkpoints.checkpoint import build_network, load_folder
from maenas.detector.data import Dataset
from maenas.detector.data.read_sample import read_sample
from maenas.detector.data.show import sheet
from maenas.detector.losses import flat_maps
from maenas.detector.media.images import ImageError, Pixels
from maenas.detector.media.label_text import class_colour
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.predict.draw import draw_readable
from maenas.detector.predict.predict import predict
from maenas.detector.runtimes.torch_runtime import TorchRuntime
from maenas.detector.train import RunFolder, Training
from maenas.detector.train.state import BEST
from maenas.detector.train.step import targets_of

LABELS_FILE, PREDICTIONS_FOLDER = "train_labels.jpg", "predictions"
SHOWN = 8  # number of images with predictions
MIN_SCORE = 0.3


def save_labels(training: Training, folder: Path) -> None:
    """Save the first training images with their boxes and the anchor points assigned to them."""
    batch = next(training.loader.epoch(0)).to(training.ranks.device)
    network = training.network
    with torch.no_grad():
        state = {name: value.clone() for name, value in network.named_buffers()}
        fused = network.train().maps(batch.images)["neck"]
        maps = flat_maps(network.head.one_to_many(fused), network.strides)
        for name, value in network.named_buffers():
            value.copy_(state[name])
    # one that can be drawn on in colour
    batch = replace(batch, images=batch.images.expand(-1, 3, -1, -1).clone())
    matched = training.recipe.assigner(maps.predictions(), maps.priors, targets_of(batch)).matched
    for image, prior in (matched >= 0).nonzero().tolist():
        x, y = (int(value) for value in maps.priors.points[prior])
        half = max(1, int(maps.priors.strides[prior]) // 8)
        label = int(batch.labels[image, matched[image, prior]])
        colour = torch.tensor(class_colour(label), dtype=torch.float32, device=batch.images.device)
        dot = batch.images[image, :, max(0, y - half) : y + half, max(0, x - half) : x + half]
        dot.copy_(colour[:, None, None].expand_as(dot))
    save_jpeg(sheet(batch, training.folder.spec.names), folder / LABELS_FILE)


def save_predictions(folder: RunFolder, val: Dataset) -> None:
    """Save the detections of the best detector on some validation images.

    They are the first, or of a union some of each data set.
    """
    spec, weights = load_folder(folder.path / BEST)
    runtime = TorchRuntime(spec, build_network(spec, weights))
    target = folder.path / PREDICTIONS_FOLDER
    target.mkdir(exist_ok=True)
    names: Counter[str] = Counter()
    for sample in (val.samples[index] for index in _shown(val)):
        try:
            pixels = read_sample(sample)
        except ImageError:
            continue
        found = predict(runtime, [pixels], runtime.thresholds(Thresholds(MIN_SCORE)))[0][0]
        stem = sample.path.stem
        names[stem] += 1  # data sets of a union may have files of one name
        name = stem if names[stem] == 1 else f"{stem}-{names[stem]}"
        save_jpeg(draw_readable(pixels, found), target / f"{name}.jpg")


def _shown(val: Dataset) -> list[int]:
    """Indices of the images that are shown."""
    groups = [
        np.flatnonzero(val.columns.source_of == index).tolist()
        for index in range(max(1, len(val.sources)))
    ]
    in_turn = chain.from_iterable(zip_longest(*groups))
    return sorted(islice((index for index in in_turn if index is not None), SHOWN))


def save_jpeg(pixels: Pixels, path: Path) -> None:
    """Write an image, whole or not at all."""
    image = io.BytesIO()
    Image.fromarray(pixels).save(image, "JPEG", quality=90)
    write_bytes(path, image.getvalue())
