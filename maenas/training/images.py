"""Images of labels and predictions in the run folder."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from PIL import Image

from maenas.blocks.files.atomic_write import write_bytes
from maenas.detector.checkpoints.checkpoint import build_network, load_folder
from maenas.detector.data import Dataset
from maenas.detector.data.read_sample import read_sample
from maenas.detector.data.show import sheet
from maenas.detector.losses import flat_maps
from maenas.detector.media.images import ImageError, Pixels
from maenas.detector.media.label_text import class_colour, enlarged
from maenas.detector.ops.thresholds import Thresholds
from maenas.detector.predict.draw import draw
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
        maps = flat_maps(network.train()(batch.images), network.strides)
        for name, value in network.named_buffers():
            value.copy_(state[name])
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
    """Save the detections of the best detector on the first validation images."""
    spec, weights = load_folder(folder.path / BEST)
    runtime = TorchRuntime(spec, build_network(spec, weights))
    target = folder.path / PREDICTIONS_FOLDER
    target.mkdir(exist_ok=True)
    for sample in islice(val.samples, SHOWN):
        try:
            pixels = read_sample(sample)
        except ImageError:
            continue
        found = predict(runtime, [pixels], Thresholds(MIN_SCORE))[0][0]
        larger, times = enlarged(pixels)
        found = replace(found, size=larger.shape[:2], boxes=times * found.boxes)
        save_jpeg(draw(larger, found), target / f"{sample.path.stem}.jpg")


def save_jpeg(pixels: Pixels, path: Path) -> None:
    """Write an image, whole or not at all."""
    image = io.BytesIO()
    Image.fromarray(pixels).save(image, "JPEG", quality=90)
    write_bytes(path, image.getvalue())
