"""Input sizes as users write them, and those that a detector can have."""

from __future__ import annotations

import pytest

from maenas.blocks import SpecError
from maenas.budgets.image_size import InputSize
from maenas.detector.input_size import require_detector_size


@pytest.mark.parametrize("size", [None, 32, 640, (64, 320), 16_384])
def test_a_detector_can_have_multiples_of_its_stride(size: InputSize) -> None:
    require_detector_size("run", size)


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0"), (100, "100"), (16_416, "16416"), ((64, 100), "64x100")]
)
def test_another_size_is_refused(size: InputSize, said: str) -> None:
    with pytest.raises(
        SpecError, match=f"^run: input_size must be a positive multiple of 32, got {said}; at most"
    ):
        require_detector_size("run", size)
