"""Python API: train a few networks briefly, keep the better half, train the winner to the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.evidence.race_result import RaceResult


def race(
    sources: Sequence[str | Path] = (),
    data: str | Path | None = None,
    *,
    minutes: float | None = None,
    epochs: int | None = None,
    seed: int = 0,
    recipe: str | Path | None = None,
    changes: Sequence[str] = (),
    out: str | Path | None = None,
    resume: bool = False,
    workers: int = 1,
    ray: str | None = None,
    compute: str = "auto",
) -> RaceResult:
    """Successive halving over a few networks with real trainings; the winner is trained to the end.

    Each round trains every network that is left with the whole schedule of its length, and keeps
    the half with the higher AP; the next round is twice as long. Where depths differ, rounds are
    twice as long as otherwise, since short trainings put deep networks at a disadvantage.

    Args:
        sources: folder of a portfolio or of a search over a range, or several specs or detectors.
        data: data set to train on, with a val split.
        minutes: minutes that all trainings together should take: one epoch of each network is
            timed, and the largest number of epochs that fits is chosen.
        epochs: number of epochs of the last round instead.
        seed: random seed of the trainings.
        recipe: recipe file or scale; that of each neck if None.
        changes: values of the recipe to change, such as "optimizer.lr=0.01".
        out: folder of the race; the next `runs/race/exp` if None.
        resume: continue the race in the folder.
        workers: number of trainings at the same time.
        ray: address of a Ray cluster that trains the rounds; its nodes need the data at the same
            path.
        compute: device that torch computes on: "cpu", "cuda:0" or "auto".
    Raises:
        MaenasError: if something about the networks, data or recipe is wrong.

    Example:
        >>> found = maenas.race(["runs/portfolio/exp"], "shapes", epochs=16)
        >>> found.winner, found.trained.best_ap
    """
    from maenas.evidence.race import run_race
    from maenas.evidence.race_options import RaceOptions
    from maenas.evidence.trainings import TrainingEffort

    options = RaceOptions(
        sources=tuple(map(str, sources)),
        data="" if data is None else str(data),
        epochs=epochs,
        minutes=minutes,
        seed=seed,
        recipe=None if recipe is None else str(recipe),
        changes=tuple(changes),
    )
    effort = TrainingEffort(workers=workers, ray=ray, compute=compute)
    return run_race(options, None if out is None else Path(out), resume, effort)
