"""Batches for training and evaluation: equal for equal seeds, with any number of workers.

A batch depends on (seed, epoch, batch number) alone. The loader keeps no state between batches, so
a training resumes from two numbers: epoch and batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import default_rng
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from maenas.blocks import Shape, SpecError
from maenas.blocks.errors import one_of, positive
from maenas.detector.channels import COLOURS, KNOWN
from maenas.detector.data.augmentation import Augmentation, Maker, fitted, scaled
from maenas.detector.data.batch import Batch, collate
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.labelled import Labelled, Labels
from maenas.detector.data.loader_workers import Failure, batches_of, torch_loader
from maenas.detector.data.read_sample import read_sample
from maenas.detector.data.sampling.draws import Draws, EpochSampler
from maenas.detector.data.sampling.options import SamplingOptions
from maenas.detector.data.sampling.partners import BatchPartners, Partners, partners_of
from maenas.detector.data.sampling.requests import Request, Requests, requests_of
from maenas.detector.input_size import STRIDE
from maenas.detector.media.channels import in_channels
from maenas.detector.media.images import ImageError
from maenas.detector.media.resize import RESIZES, Placement, placement_of, resized

Size = tuple[int, int]
# Independent random streams, one for each purpose; `sampling` has the others.
ORDER, SIZE = 0, 1


@dataclass(frozen=True, slots=True)
class LoaderOptions:
    """Settings by which the batches of a training are drawn.

    Attributes:
        size: (height, width) of the network's input.
        batch: batch size of one process.
        epochs: epochs of the whole training; SADA grows stronger over them.
        seed: random seed.
        augmentation: settings of the augmentation.
        plain_epochs: number of last epochs without mosaic and mixup.
        sides: longer sides of the inputs, one drawn for every batch; the shorter side follows the
            proportions of `size`. () for `size` alone.
        rank: index of this process.
        world: number of processes that share the images.
        fewest: minimum batch size; the first images of the epoch fill a smaller last batch.
        sampling: how often images are drawn.
        channels: number of channels of the images, 3 for RGB or 1 for grey.
    """

    size: Size
    batch: int
    epochs: int
    seed: int = 0
    augmentation: Augmentation = Augmentation()
    plain_epochs: int = 16
    sides: tuple[int, ...] = ()
    rank: int = 0
    world: int = 1
    fewest: int = 1
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    channels: int = 3

    def __post_init__(self) -> None:
        positive("loader", batch=self.batch, epochs=self.epochs, world=self.world)
        for side in (*self.size, *self.sides):
            if side < STRIDE or side % STRIDE:
                low = max(STRIDE, side // STRIDE * STRIDE)
                raise SpecError(
                    f"loader: sides must be multiples of {STRIDE}, such as {low} or "
                    f"{low + STRIDE}, got {side}."
                )
        if not 0 <= self.rank < self.world:
            raise SpecError(f"loader: rank must be 0 to {self.world - 1}, got {self.rank}.")
        if not 1 <= self.fewest <= self.batch:
            raise SpecError(f"loader: fewest must be 1 to {self.batch}, got {self.fewest}.")
        if self.plain_epochs < 0 or self.seed < 0:
            raise SpecError("loader: plain_epochs and seed must not be negative.")
        if self.channels not in COLOURS:
            raise SpecError(f"loader: images have {KNOWN}, got {self.channels}.")

    def batches(self, images: int) -> int:
        """Number of batches per epoch of a data set, the same in every process."""
        drawn = self.sampling.epoch_length(images)
        return math.ceil(math.ceil(drawn / self.world) / self.batch)

    def order(self, epoch: int, images: int) -> Labels:
        """Indices of the images that this process loads in an epoch.

        Every image comes once. The first ones are repeated where needed to give each process the
        same number, or to fill a last batch that is smaller than `fewest`.
        """
        return self.own(default_rng((self.seed, ORDER, epoch)).permutation(images))

    def own(self, drawn: Labels) -> Labels:
        """This process's share of the images of an epoch, which are drawn for all processes."""
        share = math.ceil(len(drawn) / self.world)
        mine: Labels = np.resize(drawn, share * self.world)[self.rank :: self.world]
        last = share % self.batch
        return np.append(mine, mine[: self.fewest - last]) if 0 < last < self.fewest else mine

    def size_of(self, epoch: int, number: int) -> Size:
        """(height, width) of the images of a batch, the same in every process.

        The longer side is drawn; the shorter one is rounded to a multiple of `STRIDE`.
        """
        if not self.sides:
            return self.size
        drawn = int(default_rng((self.seed, SIZE, epoch, number)).choice(self.sides))
        longer = max(self.size)
        height, width = (max(1, round(side * drawn / longer / STRIDE)) for side in self.size)
        return height * STRIDE, width * STRIDE


class TrainLoader:
    """Loader of augmented batches for training.

    Args:
        dataset: data set with at least one object.
        options: settings by which batches are drawn.
        workers: number of worker processes; 0 loads in this process. The batches are the same.
        pin: whether to put batches in pinned memory, for a GPU.
    Raises:
        DataError: if the data set has no object.
    """

    def __init__(
        self, dataset: Dataset, options: LoaderOptions, workers: int = 0, pin: bool = False
    ) -> None:
        dataset.require_objects()
        if workers < 0:
            raise SpecError(f"loader: workers must not be negative, got {workers}.")
        self.dataset = dataset
        self.options = options
        self.workers = workers
        self.pin = pin
        self.damaged: dict[str, None] = {}  # messages of skipped images, in order
        sampling = options.sampling
        self._sampler = None if sampling.is_plain else EpochSampler(dataset, sampling, options.seed)
        self._requests = Requests()
        self._workers: DataLoader[Batch | Failure] | None = None

    def __len__(self) -> int:
        """Number of batches per epoch."""
        return self.options.batches(len(self.dataset))

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch; the workers of the previous epoch are used again.

        Args:
            epoch: index of the epoch, from 0.
            first: index of the first batch, for a training that resumes.
        """
        if first >= len(self):
            return
        self._requests.items = requests_of(epoch, self._draws(epoch), self.options.batch, first)
        if self._workers is None:
            partners = partners_of(
                self.dataset, self.options.augmentation.partners == "batch", self._sampler
            )
            source = _TrainingBatches(self.dataset, self.options, len(self), partners)
            self._workers = torch_loader(source, self.workers, self.pin, self._requests)
        try:
            for batch in batches_of(self._workers, self.workers):
                self.damaged.update(dict.fromkeys(batch.damaged))
                yield batch
        except DataError:
            self.close()
            raise

    def _draws(self, epoch: int) -> Draws:
        """The images that this process loads in an epoch."""
        if self._sampler is None:
            order = self.options.order(epoch, len(self.dataset))
            return Draws(order, np.zeros_like(order))
        drawn = self._sampler.draws(epoch)
        return drawn.at(self.options.own(np.arange(len(drawn.images))))

    def close(self) -> None:
        """End the worker processes; the next epoch starts new ones."""
        self._workers = None


class EvalLoader:
    """Loader of all images of a data set in order, resized, with their labels.

    Args:
        dataset: data set to evaluate on.
        in_shape: (channels, height, width) of the network's input.
        batch: batch size; smaller where an image is damaged, and at the end.
        resize: stretch or letterbox, as in training and export.
        workers: number of worker processes; 0 reads in this process.
        pin: whether to put batches in pinned memory, for a GPU.
        rank: index of this process, which loads every `world`-th image.
        world: number of processes that share the images.
    """

    def __init__(
        self,
        dataset: Dataset,
        in_shape: Shape,
        batch: int,
        resize: str = "stretch",
        workers: int = 0,
        pin: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        positive("loader", batch=batch, world=world)
        one_of("loader", "resize", resize, RESIZES)
        self.dataset = dataset
        self.workers = workers
        self.pin = pin
        self.damaged: dict[str, None] = {}
        mine = range(rank, len(dataset), world)
        groups = [mine[start : start + batch] for start in range(0, len(mine), batch)]
        self._source = _EvaluationBatches(dataset, in_shape, resize, groups)

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[Batch]:
        loader = torch_loader(self._source, self.workers, self.pin, range(len(self)))
        for batch in batches_of(loader, self.workers):
            self.damaged.update(dict.fromkeys(batch.damaged))
            if len(batch):
                yield batch


class _TrainingBatches(TorchDataset["Batch | Failure"]):
    """Training batches by their requests."""

    def __init__(
        self,
        dataset: Dataset,
        options: LoaderOptions,
        per_epoch: int,
        partners: Partners | None,
    ) -> None:
        self.dataset = dataset
        self.options = options
        self.per_epoch = per_epoch
        self.partners = partners

    def __getitem__(self, request: Request) -> Batch | Failure:
        try:
            return self._made(request)
        except DataError as error:
            return Failure(str(error))

    def _made(self, request: Request) -> Batch:
        options = self.options
        done = request.epoch * self.per_epoch + request.number
        maker = Maker(
            self.dataset,
            self.partners or BatchPartners(self.dataset, request.indices),
            options.size_of(request.epoch, request.number),
            options.augmentation,
            channels=options.channels,
            mosaics=request.epoch < options.epochs - options.plain_epochs,
            progress=min(1.0, done / (self.per_epoch * options.epochs)),
        )
        made = [maker.make(index, rng) for index, rng in request.images(options.seed)]
        return collate(
            [each.scene for each in made],
            [each.image_id for each in made],
            damaged=tuple(maker.damaged.values()),
        )


class _EvaluationBatches(TorchDataset["Batch | Failure"]):
    """Evaluation batches, indexed by position in a list of groups of indices."""

    def __init__(
        self, dataset: Dataset, in_shape: Shape, resize: str, groups: Sequence[range]
    ) -> None:
        self.dataset = dataset
        self.in_shape = in_shape
        self.resize = resize
        self.groups = groups

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, place_of_group: int) -> Batch:
        channels, *sides = self.in_shape
        size = (sides[0], sides[1])
        scenes: list[Labelled] = []
        ids: list[int] = []
        placements: list[Placement] = []
        damaged: list[str] = []
        for index in self.groups[place_of_group]:
            sample = self.dataset.samples[index]
            try:
                pixels = in_channels(read_sample(sample), channels)
            except ImageError as error:
                damaged.append(str(error))
                continue
            placement = placement_of(sample.size, size, self.resize)
            scene = scaled(sample, resized(pixels, placement.placed), self.dataset.annotated(index))
            scenes.append(fitted(scene, sample, size, self.resize))
            ids.append(sample.image_id)
            placements.append(placement)
        return collate(scenes, ids, placements, damaged, self.in_shape)
