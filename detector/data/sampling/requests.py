"""Requests for batches, which the loader sends to its workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.random import Generator, default_rng
from torch.utils.data import Sampler

from maenas.detector.data.sampling.draws import Draws

IMAGE = 2  # random stream of single images


@dataclass(frozen=True, slots=True)
class Request:
    """Request for one batch.

    Attributes:
        epoch: index of the epoch.
        number: index of the batch in the epoch.
        indices: index of each image.
        copies: number of earlier draws of each image in the epoch; () where all are 0.
    """

    epoch: int
    number: int
    indices: tuple[int, ...]
    copies: tuple[int, ...] = ()

    def images(self, seed: int) -> Iterator[tuple[int, Generator]]:
        """Index of each image and its random generator, another one for each copy."""
        for index, copy in zip_longest(self.indices, self.copies, fillvalue=0):
            yield index, default_rng((seed, IMAGE, self.epoch, index, *((copy,) if copy else ())))


class Requests(Sampler[Request]):
    """The requests for the batches of an epoch."""

    def __init__(self) -> None:
        self.items: list[Request] = []

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Request]:
        return iter(self.items)


def requests_of(epoch: int, draws: Draws, batch: int, first: int) -> list[Request]:
    """The requests for the batches of one process.

    Args:
        epoch: index of the epoch.
        draws: images that the process loads.
        batch: batch size.
        first: index of the first batch that is requested.
    """
    has_copies = bool(np.any(draws.copies))
    return [
        Request(
            epoch,
            start // batch,
            tuple(draws.images[start : start + batch].tolist()),
            tuple(draws.copies[start : start + batch].tolist()) if has_copies else (),
        )
        for start in range(first * batch, len(draws.images), batch)
    ]
