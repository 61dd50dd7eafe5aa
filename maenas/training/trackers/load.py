"""Trackers by the names that a user types after `--tracker`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module

from maenas.blocks.errors import SpecError
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.plugins.extras import EXTRAS, is_installed, require
from maenas.blocks.plugins.load import loaded_object
from maenas.training.trackers.tracker import Tracker

LOG = logging.getLogger(__name__)

# Name -> module and class of the tracker, and the package that it needs.
TRACKERS = {
    "tensorboard": ("maenas.training.trackers.tensorboard", "TensorBoard", "tensorboard"),
    "wandb": ("maenas.training.trackers.wandb", "WandB", "wandb"),
    "mlflow": ("maenas.training.trackers.mlflow", "MlFlow", "mlflow"),
}
NONE = "none"


def load_trackers(names: Sequence[str | Tracker] | None) -> list[Tracker]:
    """The trackers of a training.

    Args:
        names: names, `module:object` of a plugin, or trackers; TensorBoard if it is installed if
            None, and no tracker for "none".
    Raises:
        SpecError: if there is no such tracker, or its package is missing.
    """
    if names is None:
        if not is_installed("tensorboard"):
            LOG.debug(f"no TensorBoard events: {EXTRAS['tensorboard'].install} adds them")
            return []
        return [load_tracker("tensorboard")]
    return [load_tracker(name) for name in names if name != NONE]


def load_tracker(name: str | Tracker) -> Tracker:
    """A tracker by its name, `module:object`, or the object itself.

    Raises:
        SpecError: if there is no such tracker, or its package is missing.
    """
    if isinstance(name, Tracker):
        return name
    if name in TRACKERS:
        module, kind, package = TRACKERS[name]
        require(package, f"tracker {name}:")
        made: Tracker = getattr(import_module(module), kind)()
        return made
    if ":" not in name:
        known = [*TRACKERS, NONE]
        raise SpecError(
            f"tracker: no tracker {name!r}{did_you_mean(name, known)}; that of a plugin is named "
            "module:object."
        )
    found = loaded_object(name, "tracker")
    if isinstance(found, type) and issubclass(found, Tracker):
        found = found()
    if not isinstance(found, Tracker):
        raise SpecError(f"tracker {name}: must be a Tracker or a class of one, got {found!r}.")
    return found
