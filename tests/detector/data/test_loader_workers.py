"""Processes that load images: copies of the training process, or started from nothing."""

from __future__ import annotations

import gc
import os
from multiprocessing import get_context
from pathlib import Path

from maenas.detector.data.loader_workers import _alone


class Decoder:
    """Garbage in a cycle whose destructor tells which process runs it."""

    def __init__(self, path: Path) -> None:
        self.path, self.itself = path, self

    def __del__(self) -> None:
        with self.path.open("a") as file:
            file.write(f"{os.getpid()}\n")


def collect() -> None:
    _alone(0)
    gc.collect()


def test_a_worker_leaves_the_garbage_of_its_parent_alone(tmp_path: Path) -> None:
    path = tmp_path / "destroyed"
    gc.disable()
    try:
        Decoder(path)
        worker = get_context("fork").Process(target=collect)
        worker.start()
        worker.join()
    finally:
        gc.enable()
    gc.collect()
    assert path.read_text().split() == [str(os.getpid())]
