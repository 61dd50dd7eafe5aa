"""Settings of the augmentation, and augmented images of a data set."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from maenas.blocks.errors import SpecError, one_of
from maenas.detector.data.augment.affine import draw_motion, matrix_of
from maenas.detector.data.augment.flip import flip
from maenas.detector.data.augment.mixup import blend, draw_mix, overlay
from maenas.detector.data.augment.mosaic import TILES, Tile, draw_centre, is_seen, mosaic, paste_of
from maenas.detector.data.augment.sada import sada
from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.data.labelled import Flags, Labelled
from maenas.detector.data.read_sample import read_sample
from maenas.detector.data.samples import Sample
from maenas.detector.data.sampling.partners import Partners
from maenas.detector.media.channels import in_channels
from maenas.detector.media.images import ImageError
from maenas.detector.media.resize import FILL, RESIZES, placement_of, resized

Size = tuple[int, int]
PARTNERS = ("all", "batch")
MAX_TRIES = 100  # consecutive draws of damaged images before the data set is rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Settings of the augmentation; the defaults are those of DAMO-YOLO S, M and L.

    Attributes:
        mosaic: probability of a mosaic, moved at random; otherwise one image is resized.
        scale: minimum and maximum scale factor of a mosaic.
        rotate: maximum rotation in degrees, either way.
        translate: maximum shift as a share of the image, either way.
        shear: maximum shear in degrees, either way, along x and y.
        mixup: probability that a mosaic is blended with another image.
        mixup_scale: minimum and maximum scale factor of that image.
        flip: probability of a horizontal flip.
        sada: whether SADA changes boxes, with a probability that grows during training.
        resize: method that brings an image to the network's input size: stretch or letterbox.
        partners: source of the other images of mosaic and mixup: "all" of the data set, as
            published, or the same "batch", where each image is read once instead of four
            times. Where a data set has several sources, they are of the image's own.
    """

    mosaic: float = 1.0
    scale: tuple[float, float] = (0.1, 2.0)
    rotate: float = 10.0
    translate: float = 0.2
    shear: float = 2.0
    mixup: float = 0.15
    mixup_scale: tuple[float, float] = (0.5, 1.5)
    flip: float = 0.5
    sada: bool = True
    resize: str = "stretch"
    partners: str = "all"

    def __post_init__(self) -> None:
        for name in ("mosaic", "mixup", "flip"):
            _within(name, getattr(self, name), 0, 1)
        for name in ("scale", "mixup_scale"):
            low, high = getattr(self, name)
            if not 0 < low <= high < math.inf:
                raise SpecError(f"augmentation: {name}: must rise from above 0, got {low}, {high}.")
        _within("rotate", self.rotate, 0, 180)
        _within("translate", self.translate, 0, 1)
        _within("shear", self.shear, 0, 80)
        one_of("augmentation", "resize", self.resize, RESIZES)
        one_of("augmentation", "partners", self.partners, PARTNERS)


@dataclass(frozen=True, slots=True)
class Made:
    """An augmented image for training.

    Attributes:
        scene: image and objects at the size of the network's input.
        image_id: number of the requested image, or of the image that replaces a damaged one.
    """

    scene: Labelled
    image_id: int


class Maker:
    """Makes the augmented images of one batch; the same draws give the same image.

    Args:
        dataset: data set that holds the images.
        partners: drawer of the other images of mosaic and mixup.
        size: (height, width) of the network's input.
        augmentation: settings of the augmentation.
        channels: number of channels of the images.
        mosaics: whether mosaic and mixup are used; they stop some epochs before training ends.
        progress: progress of the training, 0..1.
    """

    def __init__(
        self,
        dataset: Dataset,
        partners: Partners,
        size: Size,
        augmentation: Augmentation,
        channels: int,
        mosaics: bool,
        progress: float,
    ) -> None:
        self.dataset = dataset
        self.size = size
        self.augmentation = augmentation
        self.channels = channels
        self.mosaics = mosaics
        self.progress = progress
        self.damaged: dict[int, str] = {}  # what is wrong with damaged images, by index
        self._partners = partners
        self._read: dict[int, Tensor] | None = {} if augmentation.partners == "batch" else None

    def make(self, index: int, rng: Generator) -> Made:
        """The augmented image at an index of the data set."""
        options = self.augmentation
        if self.mosaics and rng.random() < options.mosaic:
            made = self._mosaic(index, rng)
            if rng.random() < options.mixup:
                made = replace(made, scene=self._mixed(made.scene, index, rng))
        else:
            scene, sample = self._image(index, rng)
            made = Made(fitted(scene, sample, self.size, options.resize), sample.image_id)
        scene = made.scene
        if rng.random() < options.flip:
            scene = flip(scene)
        if options.sada:
            scene = sada(scene, rng, self.progress)
        return replace(made, scene=scene)

    def _mosaic(self, index: int, rng: Generator) -> Made:
        """A moved mosaic of four images; only the visible ones are read."""
        options, size, columns = self.augmentation, self.size, self.dataset.columns
        centre = draw_centre(rng, size)
        others = self._partners.others(rng, index, TILES - 1)
        motion = draw_motion(rng, options.rotate, options.scale, options.shear, options.translate)
        matrix = matrix_of(motion, (2 * size[0], 2 * size[1]), size)
        tiles = []
        for corner, chosen in enumerate((index, *others)):
            placed = self._placed(columns.size(chosen))
            if is_seen(paste_of(corner, centre, placed, size).target, matrix, size):
                scene, sample = self._image(chosen, rng, motion.scale)  # another if damaged
                placed = self._placed(sample.size)
                tiles.append(Tile(scene, placed, paste_of(corner, centre, placed, size)))
        scene = mosaic(tiles, motion, size, self.channels)
        return Made(scene, int(columns.image_ids[index]))

    def _placed(self, size: Size) -> Size:
        """(height, width) of an image of this size at the network's input and on a mosaic."""
        return placement_of(size, self.size, self.augmentation.resize).placed

    def _mixed(self, scene: Labelled, index: int, rng: Generator) -> Labelled:
        """The scene blended with another image that has labels, if there is one."""
        partner = self._partners.labelled(rng, index)
        if partner is None:
            return scene
        other, sample = self._image(partner, rng)
        mix = draw_mix(rng, self.augmentation.mixup_scale)
        return blend(scene, overlay(other, sample.size, mix, self.size))

    def _image(self, index: int, rng: Generator, scale: float = 1.0) -> tuple[Labelled, Sample]:
        """A sample with its image at the resolution needed; another sample if it is damaged.

        Args:
            index: index of the sample.
            rng: random generator that draws the replacement.
            scale: scale factor at which the image is shown.
        """
        tried: dict[int, str] = {}
        for _ in range(MAX_TRIES):
            sample = self.dataset.samples[index]
            try:
                return self._labelled_image(index, sample, scale), sample
            except ImageError as error:
                tried[index] = self.damaged[index] = str(error)
            index = self._partners.others(rng, index, 1)[0]
        several = f"none of {len(tried)} images drawn in a row can be used, such as "
        what = several if len(tried) > 1 else "the only image drawn cannot be used: "
        raise DataError(
            f"{self.dataset.source}: {what}{next(iter(tried.values()))} `maenas data check` lists "
            "the causes."
        )

    def _labelled_image(self, index: int, sample: Sample, scale: float) -> Labelled:
        pixels = None if self._read is None else self._read.get(index)
        if pixels is None:
            placed = self._placed(sample.size)
            least = _smaller(sample.size, placed)
            if self._read is None:  # a cached image may be shown larger elsewhere
                least = _seen_at(least, scale)
            read = in_channels(read_sample(sample, least), self.channels)
            pixels = resized(read, _smaller(read.shape[:2], placed))
            if self._read is not None:
                self._read[index] = pixels
        return scaled(sample, pixels, self.dataset.annotated(index))


def scaled(sample: Sample, pixels: Tensor, annotated: Flags | None) -> Labelled:
    """A sample's objects, with outlines, on its image at another size (C, h, w).

    Args:
        sample: the sample.
        pixels: image of the sample, resized.
        annotated: (classes,), classes annotated in the image; None for all.
    """
    height, width = pixels.shape[-2:]
    factors = np.array([width / sample.size[1], height / sample.size[0]], dtype=np.float32)
    outlines = tuple(tuple(part * factors for part in outline) for outline in sample.outlines)
    boxes = sample.boxes * np.tile(factors, 2)
    return Labelled(pixels, boxes, sample.labels, sample.crowd, outlines, annotated)


def fitted(scene: Labelled, sample: Sample, size: Size, resize: str) -> Labelled:
    """A sample's image and objects at the size of the network's input, padded with grey."""
    height, width = placement_of(sample.size, size, resize).placed
    whole = torch.full((len(scene.pixels), *size), int(FILL), dtype=torch.uint8)
    whole[:, :height, :width] = resized(scene.pixels.permute(1, 2, 0).numpy(), (height, width))
    factors = np.array([width / scene.size[1], height / scene.size[0]] * 2, dtype=np.float32)
    return replace(scene, pixels=whole, boxes=scene.boxes * factors, outlines=())


def _seen_at(size: Size, scale: float) -> Size:
    """The resolution at which a motion of this scale shows an image."""
    height, width = (math.ceil(side * min(scale, 1.0)) for side in size)
    return height, width


def _smaller(own: Size, other: Size) -> Size:
    height, width = (max(1, min(pair)) for pair in zip(own, other, strict=True))
    return height, width


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SpecError(f"augmentation: {name}: must be {low} to {high}, got {value}.")
