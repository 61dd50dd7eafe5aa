"""Reading takes memory in proportion to the file: neither its text nor its labels many times."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from benchmarks.bench_large_data import OBJECTS, make_coco
from maenas.detector.data import read_dataset

IMAGES = 300


def test_a_coco_file_takes_at_most_a_few_times_its_size(tmp_path: Path) -> None:
    path = make_coco(tmp_path / "data", IMAGES)
    read_dataset(path)  # imports and caches
    tracemalloc.start()
    try:
        dataset = read_dataset(path)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert dataset.objects == IMAGES * OBJECTS
    size = path.stat().st_size
    assert peak < 3.5 * size
    assert kept < 0.6 * size
