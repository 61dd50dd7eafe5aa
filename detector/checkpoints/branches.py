"""The branches of a one-to-one head: a detector with one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from maenas.detector.model.spec import DetectorSpec

if TYPE_CHECKING:
    from torch import Tensor

Branch = Literal["one-to-one", "one-to-many"]
ONE_TO_ONE_PREFIX = "head.one_to_one."  # prefix of the weights of that branch in a detector


def one_to_many(
    spec: DetectorSpec, weights: Mapping[str, Tensor]
) -> tuple[DetectorSpec, dict[str, Tensor]]:
    """The detector with an ordinary head that was trained beside a one-to-one branch."""
    head = replace(spec.head, one_to_one=False)
    kept = {
        name: value for name, value in weights.items() if not name.startswith(ONE_TO_ONE_PREFIX)
    }
    return replace(spec, head=head), kept
