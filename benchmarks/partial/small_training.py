"""Short trainings of small detectors on one thread, and their accuracy."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from benchmarks.machine import maenas
from benchmarks.real.meter import run_metered

BATCH = 8
RARE = 4  # rare classes, the last ones
CHANGES = (
    *(f"batch={BATCH}", f"compute.batch={BATCH}", "min_steps=1", "evaluate_every=1000"),
    *("augmentation.sada=false", "augmentation.scale=[0.5, 1.5]"),
)


def train_small(
    folder: Path,
    detector: str,
    data: Path,
    side: int,
    epochs: int,
    changes: Sequence[str],
    init: Path | None = None,
) -> Path:
    """Train a detector, or continue its training; returns the folder of the run.

    Args:
        folder: folder of the training, which also keeps its log and its minutes.
        detector: detector to train.
        data: data set.
        side: side of the image in pixels.
        epochs: number of epochs.
        changes: settings of the recipe, besides `CHANGES`.
        init: detector whose weights are inherited; None for random weights.
    """
    run = folder / "run"
    words: list[object] = [sys.executable, "-m", "maenas", "train", detector, "--data", data]
    words += ["--input-size", side, "--epochs", epochs, "--out", run, "--workers", 0]
    words += ["--compute", "cpu", "--tracker", "none", *(["--resume"] if run.exists() else [])]
    words += [] if init is None else ["--init", init]
    for change in (*CHANGES, *changes):
        words += ["--set", change]
    run_metered(words, folder)
    return run


def judged(detector: Path, data: Path, split: str) -> dict[str, float | None]:
    """AP of a detector on a split of a data set, in percent, and the mean of its last classes."""
    words = (
        "--data",
        data,
        "--split",
        split,
        "--min-score",
        0.001,
        "--no-save",
        "--threads",
        1,
        "--json",
    )
    found = json.loads(maenas("val", detector, *words))
    scores = {name: round(100 * found[name], 2) for name in ("ap", "ap50")}
    last = [each["ap"] for each in found["per_class"][-RARE:] if each["ap"] is not None]
    return scores | {"ap_rare": round(100 * mean(last), 2) if last else None}


def steps_of(run: Path) -> int:
    """Number of steps of a training."""
    rows = (run / "results.csv").read_text(encoding="utf-8").splitlines()
    header, last = rows[0].split(","), rows[-1].split(",")
    return int(last[header.index("step")])
