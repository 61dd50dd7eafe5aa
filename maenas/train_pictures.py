"""What the network is told and what it finds, as pictures in the run folder."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from PIL import Image

from blocks.strict import write_bytes
from detector.checkpoint import build_network, load_folder
from detector.data import Dataset
from detector.data.read_sample import read_sample
from detector.data.show import sheet
from detector.draw import class_colour, draw, enlarged
from detector.losses import flat_maps
from detector.pictures import PictureError, Pixels
from detector.predict import predict
from detector.runtimes.torch_runtime import TorchRuntime
from detector.thresholds import Thresholds
from detector.train import RunFolder, Training
from detector.train.loop import targets_of
from detector.train.state import BEST

LABELS_FILE, PREDICTIONS_FOLDER = "train_labels.jpg", "predictions"
SHOWN = 8  # pictures with predictions
MIN_SCORE = 0.3


def save_labels(training: Training, folder: Path) -> None:
    """The first pictures as the network gets them: boxes, and the positions that learn them."""
    batch = next(training.loader.epoch(0)).to(training.ranks.device)
    network = training.network
    with torch.no_grad():
        state = {name: value.clone() for name, value in network.named_buffers()}
        maps = flat_maps(network.train()(batch.pictures), network.strides)
        for name, value in network.named_buffers():
            value.copy_(state[name])
    matched = training.recipe.assigner(maps.predictions(), maps.priors, targets_of(batch)).matched
    for picture, prior in (matched >= 0).nonzero().tolist():
        x, y = (int(value) for value in maps.priors.points[prior])
        half = max(1, int(maps.priors.strides[prior]) // 8)
        label = int(batch.labels[picture, matched[picture, prior]])
        colour = torch.tensor(
            class_colour(label), dtype=torch.float32, device=batch.pictures.device
        )
        dot = batch.pictures[picture, :, max(0, y - half) : y + half, max(0, x - half) : x + half]
        dot.copy_(colour[:, None, None].expand_as(dot))
    save_jpeg(sheet(batch, training.folder.spec.names), folder / LABELS_FILE)


def save_predictions(folder: RunFolder, val: Dataset) -> None:
    """What the best detector finds on the first validation pictures."""
    spec, weights = load_folder(folder.path / BEST)
    runtime = TorchRuntime(spec, build_network(spec, weights))
    target = folder.path / PREDICTIONS_FOLDER
    target.mkdir(exist_ok=True)
    for sample in islice(val.samples, SHOWN):
        try:
            pixels = read_sample(sample)
        except PictureError:
            continue
        found = predict(runtime, [pixels], Thresholds(MIN_SCORE))[0][0]
        larger, times = enlarged(pixels)
        found = replace(found, size=larger.shape[:2], boxes=times * found.boxes)
        save_jpeg(draw(larger, found), target / f"{sample.path.stem}.jpg")


def save_jpeg(pixels: Pixels, path: Path) -> None:
    """Write a picture, whole or not at all."""
    image = io.BytesIO()
    Image.fromarray(pixels).save(image, "JPEG", quality=90)
    write_bytes(path, image.getvalue())
