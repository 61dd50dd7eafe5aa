"""How closely do the drawn frequencies follow the law of the sampling?

    python -m benchmarks.bench_sampling
    python -m benchmarks.bench_sampling --images 2000000 --classes 701

It generates the labels of three sources whose sizes differ by a factor of 30 and whose classes have
a long tail, and prints for several laws the largest deviation of an epoch from the closed form: of
sources, of classes, and of the partners of mosaics; whether 1, 2 and 4 ranks draw the same images;
and the time of an epoch's draws. A class's draws are whole numbers, so classes are judged from 200
expected draws on, where one draw is half a percent.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from benchmarks.entry import Parser, positive, run_main
from maenas.detector.data import Dataset, LoaderOptions, Samples, Source
from maenas.detector.data.samples import Outlines, ends_of
from maenas.detector.data.sampling.classes import image_classes
from maenas.detector.data.sampling.draws import EpochSampler
from maenas.detector.data.sampling.options import SamplingOptions
from maenas.detector.data.sampling.partners import SourcePartners

SIZES = (30, 10, 1)  # images of the three sources, in proportion
OBJECTS = 7  # mean number of objects in an image, as in COCO
JUDGED = 200  # expected draws from which on a class is judged
PARTNERS = 200  # draws for each image whose partners are counted


def main() -> None:
    """Print the deviations of each law."""
    parser = Parser(__doc__)
    parser.add_argument("--images", type=positive, default=100_000, help="number of images")
    parser.add_argument("--classes", type=positive, default=80, help="number of classes")
    arguments = parser.parse_args()
    dataset = generated(arguments.images, arguments.classes)
    for options in laws(arguments.images):
        print(f"{described(options)}: {deviations(dataset, options)}", flush=True)


def laws(images: int) -> Iterator[SamplingOptions]:
    """Laws to judge."""
    for power in (1.0, 0.5, 0.0):
        for class_aware in (False, True):
            yield SamplingOptions(power=power, class_aware=class_aware, epoch_images=images)
    yield SamplingOptions(power=0.5, class_aware=0.01, epoch_images=images // 4)


def described(options: SamplingOptions) -> str:
    """A law as text."""
    rare = "class-aware" if options.class_aware else "no classes"
    return f"power {options.power}, {rare}, {options.epoch_images:,} draws"


def generated(images: int, classes: int) -> Dataset:
    """A data set of three sources; class c has a share of 1 / (c + 1) of the objects."""
    rng = default_rng(0)
    sizes = np.array(SIZES) * images // sum(SIZES)
    sizes[0] += images - sizes.sum()
    counts = rng.poisson(OBJECTS, images)
    odds = 1 / np.arange(1, classes + 1)
    total = int(counts.sum())
    columns = Samples(
        (Path("images"),),
        np.zeros(images, np.int32),
        np.zeros(0, np.uint8),
        np.zeros(images + 1, np.int64),
        np.full((images, 2), 640, np.int32),
        np.arange(images),
        ends_of(counts),
        np.zeros((total, 4), np.float32),
        rng.choice(classes, total, p=odds / odds.sum()).astype(np.int32),
        np.zeros(total, np.bool_),
        np.zeros(total, np.float32),
        Outlines.none(total),
        np.repeat(np.arange(len(SIZES), dtype=np.int16), sizes),
    )
    everything = np.ones(classes, np.bool_)
    sources = tuple(Source(f"set {index}", everything) for index in range(len(SIZES)))
    names = tuple(f"class {index}" for index in range(classes))
    return Dataset(Path("generated"), columns, names, tuple(range(classes)), sources=sources)


def deviations(dataset: Dataset, options: SamplingOptions) -> str:
    """Text with the deviations of one epoch from its law."""
    sampler = EpochSampler(dataset, options, seed=0)
    law, held = sampler.law, image_classes(dataset)
    started = time.perf_counter()
    draws = sampler.draws(0)
    elapsed = time.perf_counter() - started
    counts = np.bincount(draws.images, minlength=len(dataset)).astype(np.float64)
    shares = np.bincount(law.source_of, counts) / law.length
    source = float(np.abs(shares / law.shares - 1).max())
    expected = held.totals(law.expected)
    classes = np.abs(held.totals(counts) / np.maximum(expected, 1) - 1)[expected >= JUDGED]
    equal = "the same" if has_equal_ranks(draws.images, options) else "OTHERS"
    return (
        f"sources within {source:.3%}, {len(classes)} classes within {classes.max():.2%}, partners "
        f"within {partners(dataset, sampler):.2%}; 1, 2 and 4 ranks draw {equal}; {elapsed:.2f} s"
    )


def partners(dataset: Dataset, sampler: EpochSampler) -> float:
    """Largest deviation of the shares of the ten most frequent classes among partners."""
    law, held = sampler.law, image_classes(dataset)
    drawer, rng = SourcePartners(dataset, law.source_of, law.weights), default_rng(0)
    drawn: NDArray[np.float64] = np.zeros(len(dataset))
    for index in default_rng(1).choice(sampler.draws(0).images, 10_000).tolist():
        np.add.at(drawn, drawer.others(rng, index, PARTNERS), 1 / PARTNERS)
    expected = held.totals(law.expected) / law.length
    most = np.argsort(expected)[-10:]
    shares = held.totals(drawn)[most] / drawn.sum()
    return float(np.abs(shares / expected[most] - 1).max())


def has_equal_ranks(images: NDArray[np.int64], options: SamplingOptions) -> bool:
    """Whether 2 and 4 ranks together draw the images that one rank draws."""
    for world in (2, 4):
        shares = [
            images[
                LoaderOptions((64, 64), 8, 1, rank=rank, world=world).own(np.arange(len(images)))
            ]
            for rank in range(world)
        ]
        if not np.array_equal(np.sort(np.concatenate(shares))[: len(images)], np.sort(images)):
            return len(images) % world != 0  # the first images fill the last batches
    return True


if __name__ == "__main__":
    run_main(main)
