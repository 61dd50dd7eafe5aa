"""Raw maps of the head: what the network gives, losses and decoding read."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class RawLevel(NamedTuple):
    """Logits of one level.

    Attributes:
        scores: (B, num_classes, H, W).
        distances: (B, 4 * (reg_max + 1), H, W), side-major: left, top, right, bottom.
    """

    scores: Tensor
    distances: Tensor
