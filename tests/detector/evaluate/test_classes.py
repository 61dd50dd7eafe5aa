"""Which class of a data set a class of a detector is."""

from __future__ import annotations

from pathlib import Path

import pytest

from maenas.detector.data.dataset import DataError, Dataset
from maenas.detector.evaluate.classes import require_as_many


def test_a_detector_without_names_needs_a_data_set_of_as_many_classes() -> None:
    data = Dataset(Path("data.yaml"), (), ("cat", "dog"), (0, 1))
    require_as_many(2, data)
    with pytest.raises(DataError, match="has 2 classes, the detector has 701 without names"):
        require_as_many(701, data)
