"""The settings that all processes of a training must share."""

from __future__ import annotations

import numpy as np
import torch

import maenas
from maenas.detector.data import Dataset
from maenas.detector.data.index.digest import digest_of
from maenas.detector.train import Ranks, Recipe, recipe_lines
from maenas.detector.train.precision import name_of, precision_of
from maenas.detector.train.state import Identity, Saved


def require_agreement(
    ranks: Ranks, mark: Identity, recipe: Recipe, val: Dataset | None, saved: Saved | None
) -> None:
    """Raise `TrainError` in every process unless all would train the same.

    Processes that differ would wait for each other without end, or average gradients of different
    trainings: epochs of different lengths, other images, gradients scaled for fp16 and not.

    Args:
        ranks: this process and its place among the others.
        mark: identity of the training.
        recipe: recipe before the batch size is measured.
        val: validation images, which the processes share.
        saved: state to continue from; None for a new run.
    """
    ranks.require_equal(
        {
            "the version of maenas": maenas.__version__,
            "the version of torch": torch.__version__,
            "the version of numpy": np.__version__,
            "the device": ranks.device.type,
            "the first step": "0" if saved is None else str(saved.progress.step),
            **dict(line.split("=", 1) for line in recipe_lines(recipe)),
            "the precision": name_of(precision_of(recipe.compute.amp, ranks.device)),
            "the list of classes": ", ".join(mark.names),
            "the digest of the detector": mark.spec,
            "the digest of the training images": mark.data,
            "the digest of the validation images": "none" if val is None else digest_of(val),
            "the digest of the teacher": mark.teacher,
        }
    )
