"""How many images a step takes, and how many of them at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maenas.detector.assign import padded_targets
from maenas.detector.distill import Teaching
from maenas.detector.errors import TrainError
from maenas.detector.losses import detection_loss
from maenas.detector.model.layers.network import DetectorNetwork
from maenas.detector.train.learner import Learner
from maenas.detector.train.precision import precision_of
from maenas.detector.train.recipe import Recipe

SMALLEST = 8
TAUGHT_VALUES = 256  # of a channel, that BatchNorm is to see at stride 32 beside a teacher
SHARE_OF_MEMORY = 0.85  # of a GPU's, the rest is for what other images need more
TRIED = (2, 4)  # batches that memory is measured on; it grows in proportion
OBJECTS = 60  # an image in that measurement, more than most mosaics hold


@dataclass(frozen=True, slots=True)
class BatchSize:
    """Images of a step.

    Attributes:
        loaded: at a time, in each process.
        accumulation_steps: number of such batches whose gradients make a step.
        processes: that load at the same time.
    """

    loaded: int
    accumulation_steps: int
    processes: int = 1

    @property
    def step(self) -> int:
        """In all, as the learning rate counts them."""
        return self.loaded * self.accumulation_steps * self.processes


def smallest_batch(size: tuple[int, int], is_taught: bool) -> int:
    """The fewest images at a time that a training chooses by itself: 8.

    With a teacher 16 below 192 pixels and 32 below 128: a teacher wants maps with few high peaks,
    and where BatchNorm sees few values of a channel the network then learns to lean on the
    statistics of the batch it is in, which nothing replaces when it is run
    (`benchmarks/bench_distill.py`).

    Args:
        size: (height, width) of the input.
        is_taught: whether there is a teacher.
    """
    positions = max(1, size[0] // 32 * (size[1] // 32))
    wanted = -(-TAUGHT_VALUES // positions) if is_taught else SMALLEST
    return max(SMALLEST, min(32, 1 << (wanted - 1).bit_length()))


def batch_size(
    recipe: Recipe, images: int, processes: int, fitting: int, smallest: int = SMALLEST
) -> BatchSize:
    """Images of a step.

    The recipe's batch, unless the training would then be too short: a small data set takes
    smaller batches, down to the smallest.

    Args:
        recipe: its batch, epochs and least number of steps.
        images: of the data set.
        processes: that share them.
        fitting: most images at a time in a process.
        smallest: see `smallest_batch`.
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
    """Most images at a time: few on a CPU, on a GPU what its free memory is measured to hold.

    Args:
        network: on the device, in training.
        size: (height, width) of its input.
        recipe: how it computes.
        device: to measure.
        teaching: what is in memory beside the network.
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
    """Bytes at the peak of forward and backward, beyond what is there already."""
    height, width = size
    network = learner.network
    state = {name: value.clone() for name, value in network.named_buffers()}
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    images = torch.randint(0, 256, (count, 3, height, width), device=device).float()
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
        levels, feature = learner(images, teacher_maps)
    parts = detection_loss(levels, targets, recipe.assigner, strides=network.strides)
    total: Tensor = torch.stack(list(parts.values())).sum()
    if feature is not None:
        total = total + feature
    total.backward()  # type: ignore[no-untyped-call]
    peak = torch.cuda.max_memory_allocated(device) - before
    with torch.no_grad():
        for name, value in network.named_buffers():
            value.copy_(state[name])
    return peak
