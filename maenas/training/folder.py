"""The folder of a training: lock it, resume it, remove results of an older training."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from maenas.blocks import MaenasError
from maenas.detector.checkpoints.checkpoint import SPEC_FILE, WEIGHTS_FILE
from maenas.detector.train.state import BEST, STATE_FILE
from maenas.runs import start
from maenas.training.charts import CSV_FILE, PAGE_FILE, PNG_FILE
from maenas.training.model_card import CARD_FILE


def has_begun(folder: Path) -> bool:
    """Whether a folder holds the state of a training."""
    return (folder / STATE_FILE).exists()


def resumed_run(folder: Path, command: str) -> AbstractContextManager[Path]:
    """Lock the folder of a training to resume it, or to start it where none has started."""
    return start.resumed_run(folder, command, has_begun)


def clear(folder: Path) -> None:
    """Mark the start of a training, and remove results of an older one.

    Raises:
        MaenasError: if something cannot be removed.
    """
    start.mark_start(folder)
    best = (folder / BEST / name for name in (SPEC_FILE, WEIGHTS_FILE))
    results = (folder / name for name in (CSV_FILE, PNG_FILE, PAGE_FILE, CARD_FILE))
    for path in (folder / STATE_FILE, *best, *results):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise MaenasError(f"{path}: cannot be removed: {error.strerror or error}.") from None
