"""Settings of how often images are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from maenas.blocks.errors import SpecError

LARGEST_EPOCH = 100_000_000  # images


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingOptions:
    """How often the images of an epoch are drawn; by default every image once.

    Attributes:
        power: exponent a of the smoothing of sources, 0 to 1: a source of n images is drawn with a
            probability proportional to n^a; 1 is proportional to its size, 0 uniform.
        class_aware: whether images of rare classes are drawn more often inside their source, or
            the share of images below which a class counts as rare; true is the median of the
            source's classes.
        cap: largest factor by which an image of a rare class is repeated.
        epoch_images: number of images drawn in an epoch; null for as many as there are.
    """

    power: float = 1.0
    class_aware: bool | float = False
    cap: float = 10.0
    epoch_images: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.power <= 1:
            raise SpecError(f"sampling: power must be 0 to 1, got {self.power}.")
        if not isinstance(self.class_aware, bool) and not 0 < self.class_aware <= 1:
            raise SpecError(
                "sampling: class_aware must be true, false or a share of the images above 0 and at "
                f"most 1, got {self.class_aware}."
            )
        if not self.cap >= 1 or not isfinite(self.cap):
            raise SpecError(f"sampling: cap must be a number of at least 1, got {self.cap}.")
        if self.epoch_images is not None and not 1 <= self.epoch_images <= LARGEST_EPOCH:
            raise SpecError(
                f"sampling: epoch_images must be 1 to {LARGEST_EPOCH:,}, got {self.epoch_images}."
            )

    @property
    def is_plain(self) -> bool:
        """Whether an epoch holds every image once."""
        return self.power == 1 and self.class_aware is False and self.epoch_images is None

    def epoch_length(self, images: int) -> int:
        """Number of images drawn in an epoch of a data set with so many images."""
        return images if self.epoch_images is None else self.epoch_images

    def notes(self, images: int) -> list[str]:
        """Lines that say what an epoch of a data set with so many images draws."""
        if self.is_plain:
            return []
        return [
            f"sampling: an epoch draws {self.epoch_length(images):,} times from {images:,} images; "
            "`maenas data stats` shows how often those of each source and class"
        ]
