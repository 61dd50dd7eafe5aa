"""Latency of several ONNX files on one thread of this CPU, in one interleaved run."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path

import onnx

from maenas.budgets.backends.openvino_cpu import OpenVinoBackend
from maenas.budgets.latency import Precision

PRECISIONS: tuple[Precision, ...] = ("f32", "int8")


def interleaved(files: Mapping[str, Path], rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds of each file in each precision.

    Each round runs every file once in each precision, in an order that rotates, so a disturbance
    meets all alike. INT8 graphs are made for timing: their ranges are arbitrary.

    Args:
        files: ONNX files with a static input, by name of the model.
        rounds: number of rounds.
    """
    sessions = {
        (name, precision): OpenVinoBackend(precision, threads=1).compile(onnx.load(path))
        for name, path in files.items()
        for precision in PRECISIONS
    }
    keys = list(sessions)
    taken: dict[tuple[str, Precision], list[float]] = {key: [] for key in keys}
    for number in range(rounds):
        turn = number % len(keys)
        for key in keys[turn:] + keys[:turn]:
            taken[key] += sessions[key].run(1).ms
    return {
        name: {precision: statistics.median(taken[name, precision]) for precision in PRECISIONS}
        for name in files
    }
