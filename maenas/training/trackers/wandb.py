"""Weights & Biases; project and entity come from its environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maenas.training.trackers.tracker import NumberTracker, TrackedRun


class WandB(NumberTracker):
    """Sends a training to Weights & Biases, or writes it to disk with WANDB_MODE=offline.

    The id of the run is derived from its folder, so that a training that is continued continues
    its curves.

    Source: https://docs.wandb.ai/ref/python/sdk/functions/init.
    """

    def __init__(self) -> None:
        self._run: Any = None

    def start(self, run: TrackedRun) -> None:
        """Begin a run, or continue that of the folder."""
        import wandb

        name = str(run.folder)
        self._run = wandb.init(
            name=name,
            id="-".join(run.folder.absolute().parts[-3:]).replace("/", "-"),
            dir=name,
            config=dict(run.settings),
            resume="allow",
        )

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers of a step."""
        self._run.log(dict(values), step=step)

    def end(self, is_finished: bool) -> None:
        """Finish the run; one that was stopped is marked as failed."""
        if self._run is not None:
            self._run.finish(exit_code=0 if is_finished else 1)
