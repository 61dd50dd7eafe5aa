"""Batches: the same whatever makes them, every image once, in two phases."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maenas.blocks.errors import SpecError
from maenas.detector.data import (
    Augmentation,
    Batch,
    EvalLoader,
    LoaderOptions,
    TrainLoader,
    read_dataset,
)
from maenas.detector.data.dataset import DataError, Dataset, Source
from maenas.detector.data.sampling.options import SamplingOptions

OPTIONS = LoaderOptions(size=(64, 96), batch=4, epochs=4, seed=3, plain_epochs=1)
STILL = Augmentation(mosaic=0.0, flip=0.0, sada=False)


@pytest.fixture
def dataset(write_yolo) -> Dataset:
    return read_dataset(write_yolo({f"{n}": f"{n % 2} .5 .5 .4 .6" for n in range(10)}))


def same(one: Batch, other: Batch) -> bool:
    tensors = ("images", "boxes", "labels", "valid", "ignored")
    return one.image_ids == other.image_ids and all(
        torch.equal(getattr(one, name), getattr(other, name)) for name in tensors
    )


def test_a_batch_holds_images_and_padded_objects(dataset):
    batch = next(TrainLoader(dataset, OPTIONS).epoch(0))
    count, most = batch.valid.shape
    assert batch.images.shape == (4, 3, 64, 96)
    assert batch.images.dtype == torch.uint8
    assert batch.boxes.shape == (count, most, 4)
    assert batch.boxes.dtype == torch.float32
    assert batch.labels.shape == (count, most)
    assert batch.labels.dtype == torch.int64
    assert count == 4
    assert not batch.ignored.any()
    assert not batch.boxes[~batch.valid].any()
    boxes = batch.boxes[batch.valid]
    assert (boxes >= 0).all()
    assert (boxes[:, 2] <= 96).all()
    assert (boxes[:, 3] <= 64).all()
    there = batch.to("cpu")
    assert there.images.dtype == torch.float32
    assert there.images.max() > 200
    assert there.images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("partners", ["all", "batch"])
def test_batches_do_not_depend_on_the_number_of_workers(dataset, partners):
    options = replace(OPTIONS, augmentation=Augmentation(partners=partners), sides=(64, 96))
    alone = list(TrainLoader(dataset, options).epoch(1))
    helped = list(TrainLoader(dataset, options, workers=2).epoch(1))
    assert len(alone) == len(helped) == 3
    assert all(map(same, alone, helped))


def test_workers_are_used_again_in_the_next_epoch_whatever_was_read_of_the_last(dataset):
    alone = TrainLoader(dataset, OPTIONS)
    loader = TrainLoader(dataset, OPTIONS, workers=2)
    workers: list[set[int | None]] = []
    for epoch, first, read in ((0, 0, 3), (1, 0, 1), (2, 1, 2), (3, 0, 3)):
        expected = islice(alone.epoch(epoch, first), read)
        batches = loader.epoch(epoch, first)
        for one, other in zip(expected, islice(batches, read), strict=True):
            assert same(one, other)
        workers.append({child.pid for child in active_children()})
        batches.close()  # type: ignore[attr-defined]
    assert len(workers[0]) == 2
    assert workers == [workers[0]] * 4
    loader.close()
    assert active_children() == []


def test_another_seed_or_epoch_makes_other_batches(dataset):
    first = next(TrainLoader(dataset, OPTIONS).epoch(0))
    assert same(first, next(TrainLoader(dataset, OPTIONS).epoch(0)))
    assert not same(first, next(TrainLoader(dataset, OPTIONS).epoch(1)))
    assert not same(first, next(TrainLoader(dataset, replace(OPTIONS, seed=4)).epoch(0)))


def test_an_epoch_continues_at_any_batch(dataset):
    loader = TrainLoader(dataset, OPTIONS)
    whole = list(loader.epoch(2))
    rest = list(TrainLoader(dataset, OPTIONS).epoch(2, first=1))
    assert len(whole) == len(loader) == 3
    assert len(rest) == 2
    assert all(map(same, whole[1:], rest))
    assert list(loader.epoch(2, first=3)) == []


def test_an_image_looks_different_in_every_epoch(dataset):
    lone = picked(dataset, 0)
    one, other = (next(TrainLoader(lone, OPTIONS).epoch(epoch)) for epoch in (0, 1))
    assert not torch.equal(one.images, other.images)


@pytest.mark.parametrize("workers", [0, 1])
def test_loading_leaves_the_random_numbers_of_torch_and_numpy_alone(dataset, workers):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    list(TrainLoader(dataset, OPTIONS, workers).epoch(0))
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()


def test_every_image_comes_once_an_epoch(dataset):
    ids = [n for batch in TrainLoader(dataset, OPTIONS).epoch(0) for n in batch.image_ids]
    assert sorted(ids) == list(range(10))
    assert ids != sorted(ids)


def test_processes_share_the_images(dataset):
    all_options = [replace(OPTIONS, rank=rank, world=3) for rank in range(3)]
    orders = [options.order(0, 10).tolist() for options in all_options]
    assert [len(order) for order in orders] == [4, 4, 4]  # so all make as many steps
    assert {n for order in orders for n in order} == set(range(10))
    assert {options.batches(10) for options in all_options} == {1}
    sizes = [
        [replace(p, sides=(64, 96, 128)).size_of(0, n) for n in range(20)] for p in all_options
    ]
    assert sizes[0] == sizes[1] == sizes[2]
    assert len(set(sizes[0])) == 3


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ((384, 640), {(320, 512), (384, 640), (448, 768)}),
        ((640, 384), {(512, 320), (640, 384), (768, 448)}),
        ((32, 640), {(32, 512), (32, 640), (32, 768)}),
        ((640, 640), {(512, 512), (640, 640), (768, 768)}),
        ((64, 64), {(512, 512), (640, 640), (768, 768)}),
    ],
)
def test_inputs_of_several_sizes_keep_the_proportions_of_the_detector(size, drawn):
    options = replace(OPTIONS, size=size, sides=(512, 640, 768))
    assert {options.size_of(0, number) for number in range(20)} == drawn


def test_the_batches_of_a_wide_detector_have_the_size_that_is_drawn(dataset):
    options = replace(OPTIONS, sides=(64, 96, 128))
    for number, batch in enumerate(TrainLoader(dataset, options).epoch(0)):
        assert tuple(batch.images.shape[2:]) == options.size_of(0, number)


def test_few_images_are_enough_for_many_processes(dataset):
    few = replace(dataset, samples=dataset.samples[:2])
    for rank in range(5):
        assert len(list(TrainLoader(few, replace(OPTIONS, rank=rank, world=5)).epoch(0))) == 1


def test_the_first_images_fill_a_last_batch_of_too_few(dataset):
    options = replace(OPTIONS, batch=3, fewest=2)
    batches = list(TrainLoader(dataset, options).epoch(0))
    assert [len(batch) for batch in batches] == [3, 3, 3, 2]
    assert batches[-1].image_ids[1] == batches[0].image_ids[0]
    assert len(batches) == options.batches(10)
    assert [len(options.order(0, images)) for images in (7, 8, 9)] == [8, 8, 9]
    assert len(replace(options, fewest=1).order(0, 10)) == 10


def test_the_last_epochs_go_without_mosaics(dataset):
    options = replace(OPTIONS, augmentation=Augmentation(mixup=0.0, flip=0.0, sada=False))
    plain = next(TrainLoader(dataset, options).epoch(3))
    for index, number in enumerate(plain.image_ids):
        whole = next(iter(EvalLoader(picked(dataset, number), (3, 64, 96), 1)))
        assert torch.equal(plain.images[index], whole.images[0])
        assert plain.boxes[index, 0].tolist() == whole.boxes[0, 0].tolist()
    early = next(TrainLoader(dataset, options).epoch(2))
    assert (early.images == 114).float().mean() > (plain.images == 114).float().mean()


def picked(dataset: Dataset, *numbers: int) -> Dataset:
    return replace(dataset, samples=tuple(dataset.samples[number] for number in numbers))


def test_damaged_images_are_passed_over_and_counted(dataset):
    for number in (2, 5):
        dataset.samples[number].path.write_bytes(b"damaged")
    for workers in (0, 1):
        loader = TrainLoader(dataset, OPTIONS, workers)
        ids = [n for batch in loader.epoch(0) for n in batch.image_ids]
        assert len(ids) == 10
        assert sorted(Path(message.split(":")[0]).stem for message in loader.damaged) == ["2", "5"]


@pytest.mark.parametrize("workers", [0, 1])
def test_training_on_damaged_images_alone_is_given_up(dataset, workers):
    for sample in dataset.samples:
        sample.path.write_bytes(b"damaged")
    with pytest.raises(
        DataError, match="none of 10 images drawn in a row can be used, such as"
    ) as raised:
        list(TrainLoader(dataset, OPTIONS, workers).epoch(0))
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("partners", ["all", "batch"])
def test_a_single_image_of_another_size_is_not_taken_for_many_unreadable_ones(write_yolo, partners):
    alone = read_dataset(write_yolo({"a": "0 .5 .5 .2 .2"}))
    Image.new("RGB", (30, 30)).save(alone.samples[0].path)
    options = replace(OPTIONS, batch=1, augmentation=Augmentation(partners=partners))
    with pytest.raises(DataError) as raised:
        list(TrainLoader(alone, options).epoch(0))
    assert str(raised.value).startswith(
        f"{alone.source}: the only image drawn cannot be used: {alone.samples[0].path}: is 30x30 "
        "when upright, its labels are for 80x40."
    )


def test_an_image_of_another_size_than_its_labels_is_damaged(dataset):
    Image.new("RGB", (30, 30)).save(dataset.samples[0].path)
    loader = EvalLoader(dataset, (3, 64, 64), 4)
    assert sum(len(batch) for batch in loader) == 9
    assert "is 30x30 when upright, its labels are for 80x40" in next(iter(loader.damaged))


def test_evaluation_sees_every_image_in_order_with_its_place(dataset):
    batches = list(EvalLoader(dataset, (3, 64, 64), 4, resize="letterbox"))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert [n for batch in batches for n in batch.image_ids] == list(range(10))
    batch = batches[0]
    # 80 x 40 becomes 64 x 32
    assert batch.placements[0].placed == (32, 64)
    assert (batch.images[:, :, 32:] == 114).all()
    np.testing.assert_allclose(
        batch.placements[0].to_image(batch.boxes[0].numpy()), dataset.samples[0].boxes, rtol=1e-5
    )


def test_evaluation_is_shared_by_processes(dataset):
    shares = [EvalLoader(dataset, (3, 64, 64), 4, rank=rank, world=3) for rank in range(3)]
    ids = [[n for batch in share for n in batch.image_ids] for share in shares]
    assert sorted(n for share in ids for n in share) == list(range(10))


def test_crowds_are_ignored_not_learnt(dataset):
    crowded = tuple(replace(s, crowd=np.ones(1, dtype=bool)) for s in dataset.samples[:4])
    mixed = replace(dataset, samples=crowded + dataset.samples[4:5])
    options = replace(OPTIONS, batch=5, augmentation=STILL)
    batch = next(TrainLoader(mixed, options).epoch(0))
    for index, number in enumerate(batch.image_ids):
        assert batch.ignored[index].tolist() == [number != 4]
        assert batch.valid[index].tolist() == [number == 4]
    with pytest.raises(DataError, match="has an object"):
        TrainLoader(replace(dataset, samples=crowded), options)


def test_images_without_labels_do_not_hang_mixup(write_yolo):
    dataset = read_dataset(write_yolo({"a": None, "b": None, "c": "0 .5 .5 .5 .5"}))
    options = replace(OPTIONS, batch=1, augmentation=Augmentation(mixup=1.0, partners="batch"))
    assert len(list(TrainLoader(dataset, options).epoch(0))) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 0}, "batch must be at least 1"),
        ({"size": (60, 64)}, "multiples of 32, such as 32 or 64, got 60"),
        ({"sides": (64, 70)}, "multiples of 32, such as 64 or 96, got 70"),
        ({"rank": 1}, "rank must be 0 to 0, got 1"),
        ({"seed": -1}, "must not be negative"),
        ({"fewest": 5}, "fewest must be 1 to 4, got 5"),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        replace(OPTIONS, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mosaic": 1.5}, "mosaic: must be 0 to 1, got 1.5"),
        ({"scale": (2.0, 0.1)}, "scale: must rise from above 0"),
        ({"rotate": float("nan")}, "rotate: must be 0 to 180, got nan"),
        ({"resize": "crop"}, "resize must be one of letterbox, stretch"),
        ({"partners": "some"}, "partners must be one of all, batch"),
    ],
    ids=str,
)
def test_an_augmentation_that_cannot_be_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        Augmentation(**changes)


SAMPLED = replace(OPTIONS, sampling=SamplingOptions(class_aware=0.9, epoch_images=12))


def test_an_epoch_has_the_length_that_the_sampling_gives(dataset):
    loader = TrainLoader(dataset, SAMPLED)
    batches = list(loader.epoch(0))
    assert len(batches) == len(loader) == 3
    assert sum(map(len, batches)) == 12


def test_a_sampled_epoch_continues_at_any_batch_with_any_number_of_workers(dataset):
    whole = list(TrainLoader(dataset, SAMPLED).epoch(2))
    rest = list(TrainLoader(dataset, SAMPLED, workers=1).epoch(2, first=1))
    assert len(rest) == 2
    assert all(map(same, whole[1:], rest))


def test_an_image_that_is_drawn_twice_looks_different(dataset):
    lone = picked(dataset, 0)
    options = replace(OPTIONS, batch=2, sampling=SamplingOptions(epoch_images=2))
    batch = next(TrainLoader(lone, options).epoch(0))
    assert batch.image_ids[0] == batch.image_ids[1]
    assert not torch.equal(batch.images[0], batch.images[1])


def test_mosaics_stay_inside_a_source(dataset):
    """Each image of the first source has class 0 alone, each of the second class 1."""
    columns = replace(dataset.columns, source_of=np.arange(10, dtype=np.int16) % 2)
    both = np.ones(2, dtype=np.bool_)
    joined = replace(dataset, samples=columns, sources=(Source("a", both), Source("b", both)))
    for partners in ("all", "batch"):
        options = replace(OPTIONS, augmentation=Augmentation(partners=partners, mixup=1.0))
        for batch in TrainLoader(joined, options).epoch(0):
            for number, image_id in enumerate(batch.image_ids):
                assert set(batch.labels[number][batch.valid[number]].tolist()) <= {image_id % 2}
