"""The raw maps of the head, which losses and decoding read."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class RawLevel(NamedTuple):
    """Logits of one level.

    Attributes:
        scores: (B, num_classes, H, W), class logits.
        distances: (B, 4 * (reg_max + 1), H, W), distance logits by side: left, top, right, bottom.
    """

    scores: Tensor
    distances: Tensor
