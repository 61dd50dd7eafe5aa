"""Which classes are annotated travels with an image into composites, batches and the loss."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from maenas.detector.data import Augmentation, Dataset, LoaderOptions, Source, TrainLoader
from maenas.detector.data.augment.affine import Motion
from maenas.detector.data.augment.mixup import blend
from maenas.detector.data.augment.mosaic import Tile, mosaic, paste_of
from maenas.detector.data.augment.sada import PolicyOp, reshape
from maenas.detector.data.labelled import Flags, Labelled
from maenas.detector.data.loader import EvalLoader
from maenas.detector.data.readers.read import read_dataset
from maenas.detector.train.step import targets_of

OPTIONS = LoaderOptions(size=(64, 96), batch=4, epochs=4, seed=3, plain_epochs=1)
ALWAYS = Augmentation(mosaic=1.0, mixup=1.0, sada=True)
MASKS = [np.array(mask, bool) for mask in ([1, 1, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0])]


@pytest.fixture
def joined(write_yolo) -> Dataset:
    """Nine images of three sources in turn; every source annotates two or three of four classes."""
    path = write_yolo({f"{n}": f"{n % 4} .5 .5 .4 .6" for n in range(9)}, names="[a, b, c, d]")
    read = read_dataset(path)
    columns = replace(read.columns, source_of=(np.arange(9) % 3).astype(np.int16))
    sources = tuple(Source(str(n), mask) for n, mask in enumerate(MASKS))
    return replace(read, samples=columns, sources=sources)


def grey(annotated: Flags | None) -> Labelled:
    box = np.array([[10.0, 10.0, 20.0, 20.0]], np.float32)
    pixels = torch.full((3, 32, 32), 90, dtype=torch.uint8)
    return Labelled(pixels, box, np.zeros(1, np.int64), np.zeros(1, bool), (), annotated)


def test_a_mosaic_annotates_what_all_its_visible_tiles_do() -> None:
    tiles = [
        Tile(grey(mask), (32, 32), paste_of(corner, (32, 32), (32, 32), (32, 32)))
        for corner, mask in enumerate(MASKS[:2])
    ]
    still = Motion(0.0, 1.0, (0.0, 0.0), (0.0, 0.0))
    assert mosaic(tiles, still, (32, 32)).annotated.tolist() == [False, True, False, True]
    assert mosaic(tiles[:1], still, (32, 32)).annotated.tolist() == MASKS[0].tolist()


def test_a_mixup_annotates_what_both_images_do() -> None:
    found = blend(grey(MASKS[1]), grey(MASKS[2]))
    assert found.annotated.tolist() == [False, True, True, False]
    assert blend(grey(None), grey(None)).annotated is None


def test_copies_of_sada_keep_the_mask() -> None:
    copied = reshape(grey(MASKS[0]), np.array([0]), np.array([1]), PolicyOp("translate_x", 1, 1))
    assert len(copied.labels) == 2
    assert copied.annotated is MASKS[0]


@pytest.mark.parametrize("epoch", [0, 3], ids=["composites", "single images"])
def test_a_batch_carries_the_mask_of_each_image(joined: Dataset, epoch: int) -> None:
    batches = list(TrainLoader(joined, replace(OPTIONS, augmentation=ALWAYS)).epoch(epoch))
    assert sum(map(len, batches)) == 9
    for batch in batches:
        assert batch.annotated is not None
        for number, known in zip(batch.image_ids, batch.annotated.numpy(), strict=True):
            own = joined.annotated([*joined.columns.image_ids].index(number))
            assert own is not None
            assert not (known & ~own).any()  # other parts of a composite only remove classes
            if epoch == 3:
                assert known.tolist() == own.tolist()
        assert targets_of(batch).annotated is batch.annotated


def test_the_mask_reaches_the_training_through_workers_and_devices(joined: Dataset) -> None:
    alone, helped = (
        list(TrainLoader(joined, OPTIONS, workers=workers).epoch(0)) for workers in (0, 1)
    )
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one.annotated, other.annotated)
        assert torch.equal(one.to("cpu").annotated, one.annotated)
    assert torch.equal(pickle.loads(pickle.dumps(alone[0])).annotated, alone[0].annotated)


def test_evaluation_batches_have_it_and_plain_data_sets_have_none(joined: Dataset) -> None:
    (batch,) = EvalLoader(joined, (3, 64, 96), 9)
    assert batch.annotated is not None
    assert batch.annotated.tolist() == [MASKS[n % 3].tolist() for n in range(9)]
    plain = replace(joined, sources=())
    assert next(TrainLoader(plain, OPTIONS).epoch(0)).annotated is None
