"""Grey batches: of grey files, each is one channel of the same batch in RGB."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maenas.blocks.errors import SpecError
from maenas.detector.data import Augmentation, EvalLoader, LoaderOptions, TrainLoader, read_dataset
from maenas.detector.data.augment.sada import PolicyOp, recolour, reshape
from maenas.detector.data.augment.sada_colour import COLOUR_OPS
from maenas.detector.data.augment.sada_geometry import GEOMETRIC_OPS
from maenas.detector.data.dataset import Dataset
from maenas.detector.data.labelled import Labelled
from maenas.detector.data.show import sheet

OPTIONS = LoaderOptions(size=(64, 96), batch=4, epochs=2, seed=3, plain_epochs=1)
WITHOUT_SADA = Augmentation(sada=False, mixup=0.5)


@pytest.fixture
def grey_files(tmp_path: Path) -> Dataset:
    """Eight images in mode L, each with one object."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for number in range(8):
        levels = np.random.default_rng(number).integers(0, 256, (40, 80), dtype=np.uint8)
        Image.fromarray(levels).save(tmp_path / "images" / f"{number}.png")
        (tmp_path / "labels" / f"{number}.txt").write_text("0 .5 .5 .4 .6")
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [crack]\n")
    return read_dataset(tmp_path / "data.yaml")


@pytest.mark.parametrize("epoch", [0, 1], ids=["mosaics", "plain"])
@pytest.mark.parametrize("partners", ["all", "batch"])
def test_a_grey_batch_is_a_channel_of_the_batch_in_rgb(
    grey_files: Dataset, epoch: int, partners: str
) -> None:
    options = replace(OPTIONS, augmentation=replace(WITHOUT_SADA, partners=partners))
    rgb = next(TrainLoader(grey_files, options).epoch(epoch))
    grey = next(TrainLoader(grey_files, replace(options, channels=1)).epoch(epoch))
    assert grey.images.shape == (4, 1, 64, 96)
    assert torch.equal(grey.images, rgb.images[:, :1])
    assert torch.equal(grey.boxes, rgb.boxes)
    assert grey.images.float().std() > 10


@pytest.mark.parametrize("name", [*COLOUR_OPS, *GEOMETRIC_OPS])
def test_sada_changes_a_grey_image_as_a_channel_of_it_in_rgb(name: str) -> None:
    """Except where a turned crop ends: its fill differs between red, green and blue."""
    levels = np.random.default_rng(0).integers(0, 256, (1, 48, 64), dtype=np.uint8)
    box = np.array([(10, 8, 50, 40)], dtype=np.float32)
    made = []
    for channels in (1, 3):
        pixels = torch.from_numpy(levels).repeat(channels, 1, 1)
        scene = Labelled(pixels, box, np.zeros(1, np.int64), np.zeros(1, np.bool_))
        operation, chosen = PolicyOp(name, 1.0, 3), np.zeros(1, np.int64)
        change = recolour if name in COLOUR_OPS else partial(reshape, signs=np.ones(1, np.int64))
        made.append(change(scene, chosen, operation=operation).pixels)
    grey, rgb = made
    same = (rgb == rgb[:1]).all(dim=0)
    assert same.float().mean() > 0.9
    assert torch.equal(grey[0][same], rgb[0][same])
    assert (grey[0].int() - rgb[1].int()).abs().max() <= 14  # of a fill of 102, 115 and 122
    if name not in ("colour", "auto_contrast"):  # a grey image has no saturation, and all levels
        assert not np.array_equal(grey.numpy(), levels)


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
def test_grey_images_are_evaluated_as_a_channel_of_them_in_rgb(
    grey_files: Dataset, resize: str
) -> None:
    (rgb,) = EvalLoader(grey_files, (3, 64, 64), 8, resize)
    (grey,) = EvalLoader(grey_files, (1, 64, 64), 8, resize)
    assert torch.equal(grey.images, rgb.images[:, :1])
    assert grey.placements == rgb.placements


def test_a_sheet_of_grey_images_is_in_colour(grey_files: Dataset) -> None:
    batch = next(TrainLoader(grey_files, replace(OPTIONS, channels=1)).epoch(1))
    drawn = sheet(batch, grey_files.names)
    assert drawn.shape[2] == 3
    assert (drawn[..., 0] != drawn[..., 2]).any()


def test_images_of_two_channels_are_refused() -> None:
    with pytest.raises(SpecError, match=r"loader: images have 3 channels .*, got 2"):
        replace(OPTIONS, channels=2)
