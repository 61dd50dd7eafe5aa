"""Progress of a training on the terminal."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Mapping, Sequence

import torch

from maenas.detector.train import EpochResult, Jump, StepResult
from maenas.runs.forecast import forecast
from maenas.runs.training_table import best_row
from maenas.terminal.console import count_of
from maenas.terminal.log import is_printed
from maenas.terminal.progress import ItemLine, clock

LOG = logging.getLogger(__name__)

PLAIN_EVERY_S = 10.0
LONG_S = 3600.0  # time left from which a training says once how to shorten it
RECENT = 50  # number of steps that speeds and losses are averaged over
SHORT = {
    "quality_focal": "qfl",
    "giou": "giou",
    "distribution_focal": "dfl",
    "one_to_one": "o2o",
}


class TrainLine(ItemLine):
    """Progress line: epoch, step, time left, loss, images a second, and further numbers.

    Parts of the loss are shown with `--verbose`; the table of the training has them too.

    Args:
        first: number of steps that were done before the run was resumed.
        steps: number of steps of the whole training.
        epochs: number of epochs of the whole training.
        plain_epochs: number of its last epochs without mosaic.
        device: device that the training computes on.
        rows: rows of the epochs that were done before.
    """

    def __init__(
        self,
        first: int,
        steps: int,
        epochs: int,
        plain_epochs: int,
        device: torch.device,
        rows: Sequence[Mapping[str, float]] = (),
    ) -> None:
        super().__init__("train", steps, "steps", first, PLAIN_EVERY_S)
        self._epochs = epochs
        self._device = device
        self._rows = list(rows)
        self._plain_epochs = plain_epochs
        self._recent: deque[StepResult] = deque(maxlen=RECENT)
        self._timed: deque[StepResult] = deque(maxlen=RECENT)
        self._is_long: bool | None = None  # not known before some steps

    def step(self, step: StepResult) -> None:
        """Add a step, and print the line if it is time to."""
        self._recent.append(step)
        if self.has_started:  # the first step includes the start of the processes that load images
            self._timed.append(step)
        if not step.taken:
            LOG.warning(f"step {step.number}: loss or gradient not finite; step skipped")
        self.show(
            step.number + 1, *self._status(step), before=f"epoch {step.epoch + 1}/{self._epochs}"
        )
        self._tell_if_long(step.number + 1)

    def _tell_if_long(self, done: int) -> None:
        """Print once how to shorten a training that takes hours on a CPU."""
        rate = self.rate(done)
        if self._is_long is not None or rate is None:
            return
        left = (self.total - done) / rate
        self._is_long = left > LONG_S and self._device.type == "cpu"
        if self._is_long:
            LOG.info(
                f"about {clock(left)} on this CPU: fewer epochs (--epochs N), a smaller input or a "
                "smaller network take less; Ctrl-C ends it, and --resume continues later"
            )

    def epoch(self, epoch: EpochResult) -> None:
        """Print an epoch that was evaluated: accuracy now, the best, and an estimate of the end."""
        self._rows.append(epoch.row)
        if "ap" not in epoch.row:
            return
        best = best_row(self._rows)
        assert best is not None
        if best["ap"] <= 0:
            which = "nothing is found yet"
        elif epoch.is_best:
            which = "the best so far"
        else:
            which = (
                f"best AP {best['ap']:.4f}, AP50 {best['ap50']:.4f} at epoch {best['epoch']:.0f}"
            )
        end = forecast(self._rows, self._epochs, "ap50", self._plain_epochs)
        expected = "" if end is None else f"; AP50 at the end {end}"
        LOG.info(
            f"epoch {epoch.number}/{self._epochs}: loss {epoch.row['loss']:.3f}, "
            f"AP {epoch.row['ap']:.4f}, AP50 {epoch.row['ap50']:.4f}, {which}{expected}"
        )

    def jump(self, jump: Jump) -> None:
        """Print that epochs are left out because the AP no longer rises."""
        self.leave_out(jump.steps)
        best = best_row(self._rows)
        assert best is not None  # AP has risen before
        ends = jump.to == self._epochs
        then = "ends" if ends else f"continues without mosaic, at epoch {jump.to + 1}"
        LOG.info(
            f"AP has not risen for {count_of(round(jump.epoch - best['epoch']), 'epoch')}: "
            f"the training {then}"
        )

    def _status(self, step: StepResult) -> list[str]:
        """Parts of the line after the time left, the most useful first."""
        count = len(self._recent)
        means = {
            name: sum(each.parts[name] for each in self._recent) / count for name in step.parts
        }
        parts = [f"loss {sum(means.values()):.3f}"]
        seconds = sum(each.seconds for each in self._timed)
        if seconds > 0:
            rate = sum(each.images for each in self._timed) / seconds
            waited = sum(each.waited for each in self._timed) / seconds
            parts += [f"{rate:.1f} images/s", f"{waited:.0%} waiting for data"]
        parts += [f"{memory_gb(self._device):.1f} GB", f"lr {step.lr:.2g}"]
        if is_printed(logging.DEBUG):
            parts += [f"{SHORT.get(name, name)} {mean:.3f}" for name, mean in means.items()]
        return parts


def memory_gb(device: torch.device) -> float:
    """Peak memory in GB so far, of the GPU or else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    try:
        import resource  # not on Windows
    except ImportError:
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
