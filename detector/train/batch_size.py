"""The batch size of a training, and the number of images loaded at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maenas.detector.assign import padded_targets
from maenas.detector.distill import Teaching
from maenas.detector.errors import TrainError
from maenas.detector.input_size import STRIDE
from maenas.detector.losses import detection_loss
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.model.spec import DetectorSpec
from maenas.detector.train.learner import Learner
from maenas.detector.train.precision import precision_of
from maenas.detector.train.recipe import Recipe

SMALLEST = 8
TAUGHT_VALUES = 256  # least values a channel for BatchNorm at stride 32, with a teacher
SHARE_OF_MEMORY = 0.85  # share of free GPU memory to fill; some batches need more than measured
TRIED = (2, 4)  # images in the two measured batches; memory grows linearly with them
OBJECTS = 60  # objects an image in that measurement, more than most mosaics have


@dataclass(frozen=True, slots=True)
class BatchSize:
    """The batch size of a training step and how it is split.

    Attributes:
        loaded: number of images that each process loads at a time.
        accumulation_steps: number of such batches whose gradients are accumulated for a step.
        processes: number of processes that train together.
    """

    loaded: int
    accumulation_steps: int
    processes: int = 1

    @property
    def step(self) -> int:
        """Images in one step over all processes; the learning rate is scaled by it."""
        return self.loaded * self.accumulation_steps * self.processes


def smallest_batch(size: tuple[int, int], is_taught: bool) -> int:
    """The smallest batch size that is chosen automatically.

    It is 8; with a teacher it is 16 for inputs below 192 pixels and 32 below 128. Distillation
    favours feature maps with few high peaks. If BatchNorm then sees few values of a channel, the
    network comes to depend on the statistics of its training batch, which are not available at
    inference (`benchmarks/bench_distill.py`).

    Args:
        size: (height, width) of the input, in pixels.
        is_taught: whether the training has a teacher.
    """
    positions = max(1, size[0] // 32 * (size[1] // 32))
    wanted = -(-TAUGHT_VALUES // positions) if is_taught else SMALLEST
    return max(SMALLEST, min(32, 1 << (wanted - 1).bit_length()))


def fewest_images(spec: DetectorSpec, sides: Sequence[int] = ()) -> int:
    """Least images of a batch: BatchNorm needs more than one value of each channel.

    BatchNorm gets one value per image from a map of 1x1, which is the coarsest map of an input of
    32x32, or the means of a squeeze-and-excite.

    Args:
        spec: the detector.
        sides: sides of the recipe that vary per batch; () for none.
    """
    return 2 if _has_pool(spec) or _has_one_cell(spec, sides) else 1


def require_fewest(
    size: BatchSize, images: int, spec: DetectorSpec, sides: Sequence[int] = ()
) -> None:
    """Raise `TrainError` if the batches of a training would have fewer than the least images.

    Args:
        size: batch size and accumulation of the training.
        images: number of images in the data set.
        spec: the detector.
        sides: sides of the recipe that vary per batch; () for none.
    """
    fewest = fewest_images(spec, sides)
    share = -(-images // size.processes)
    if min(size.loaded, share) >= fewest:
        return
    remedy = f"use at least {fewest} images for each process"
    if share >= fewest:
        remedy = f"set compute.batch={fewest} or more"
    if not _has_pool(spec):
        remedy += f", or {'sides' if sides else '--input-size'} of at least {2 * STRIDE}"
    raise TrainError(
        "train: BatchNorm needs more than 1 value of each channel, but a batch of 1 image has only "
        f"1 where a map is 1x1; {remedy}."
    )


def _has_pool(spec: DetectorSpec) -> bool:
    """Whether BatchNorm sees the means of whole maps, at any input size."""
    return any(op.kind == "global_pool" for op in spec.ops())


def _has_one_cell(spec: DetectorSpec, sides: Sequence[int]) -> bool:
    """Whether the coarsest map of an input is 1x1."""
    return STRIDE in sides if sides else spec.backbone.in_shape[1:] == (STRIDE, STRIDE)


def batch_size(
    recipe: Recipe, images: int, processes: int, fitting: int, smallest: int = SMALLEST
) -> BatchSize:
    """The batch size of a training.

    It is the recipe's `batch`. If the training would then have fewer steps than `min_steps`, it is
    reduced, down to `smallest`.

    Args:
        recipe: recipe whose batch, epochs and min_steps apply.
        images: number of images in the data set.
        processes: number of processes that share the images.
        fitting: largest number of images at a time that fits into the memory of a process.
        smallest: smallest batch size, see `smallest_batch`.
    """
    enough = recipe.epochs * images // recipe.min_steps
    wanted = min(recipe.batch, max(enough, smallest))
    if recipe.compute.batch is not None:
        loaded = recipe.compute.batch
    else:
        loaded = max(1, min(fitting, -(-wanted // processes), -(-images // processes)))
    together = loaded * processes
    accumulation_steps = min(max(1, round(wanted / together)), -(-images // together))
    return BatchSize(loaded, accumulation_steps, processes)


def fitting_batch(
    network: DetectorNetwork,
    size: tuple[int, int],
    recipe: Recipe,
    device: torch.device,
    teaching: Teaching | None = None,
) -> int:
    """The largest number of images at a time: measured on a GPU, the smallest batch on a CPU.

    Args:
        network: network in training mode, on the device.
        size: (height, width) of the input, in pixels.
        recipe: recipe whose precision and memory format apply.
        device: device whose free memory is measured.
        teaching: teacher and feature loss, which also need memory; None to train without.
    Raises:
        TrainError: if not even one image fits.
    """
    if device.type == "cpu":
        return smallest_batch(size, teaching is not None)
    learner = Learner(network, teaching).to(device)
    if teaching is not None:
        teaching.teacher.to(device, torch.contiguous_format)
    try:
        small, large = (_peak(learner, teaching, size, recipe, device, count) for count in TRIED)
    except torch.OutOfMemoryError:
        raise TrainError(
            f"compute: {device} has no memory for {TRIED[-1]} images; set compute.batch=1, or "
            "a smaller input."
        ) from None
    finally:
        learner.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(device)
    an_image = max(1, (large - small) // (TRIED[1] - TRIED[0]))
    room = SHARE_OF_MEMORY * free - (small - TRIED[0] * an_image)
    count = max(1, int(room // an_image))
    return 1 << (count.bit_length() - 1)  # a power of two suits tensor cores


def _peak(
    learner: Learner,
    teaching: Teaching | None,
    size: tuple[int, int],
    recipe: Recipe,
    device: torch.device,
    count: int,
) -> int:
    """Peak memory of a forward and backward pass in bytes, without what was allocated before."""
    height, width = size
    network = learner.network
    state = {name: value.clone() for name, value in network.named_buffers()}
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    images = torch.randint(
        0, 256, (count, network.in_channels, height, width), device=device
    ).float()
    if recipe.compute.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    corners = torch.rand(OBJECTS, 2, device=device) * (min(height, width) - 32)
    boxes = torch.cat((corners, corners + 32), dim=1)
    labels = boxes.new_zeros(OBJECTS, dtype=torch.int64)
    targets = padded_targets([boxes] * count, [labels] * count)
    precision = precision_of(recipe.compute.amp, device)
    teacher_maps = []
    if teaching is not None:
        teacher_maps = teaching.teacher_maps(images, precision_of(teaching.options.amp, device))
    network.train()
    with torch.autocast(device.type, precision, enabled=precision is not None):
        levels, single, feature = learner(images, teacher_maps)
    parts = detection_loss(
        levels, targets, recipe.assigner, one_to_one=single, strides=network.strides
    )
    total: Tensor = torch.stack(list(parts.values())).sum()
    if feature is not None:
        total = total + feature
    total.backward()  # type: ignore[no-untyped-call]
    peak = torch.cuda.max_memory_allocated(device) - before
    with torch.no_grad():
        for name, value in network.named_buffers():
            value.copy_(state[name])
    return peak
