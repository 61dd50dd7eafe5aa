"""How many epochs of a model fit into a number of processor minutes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.real.meter import sessions
from benchmarks.real.sides import Plan, Side
from maenas.blocks import MaenasError

SHORT, LONG = 1, 3  # epochs of the trainings that are timed


def with_epochs(side: Side, plan: Plan, place: Path) -> Plan:
    """The plan with the epochs that fit into its minutes, or as it is without minutes.

    A start costs as much as some epochs of a small data set, so that two lengths tell both apart.
    Timed trainings are kept in `place`, and those that have ended are not run again.
    """
    if plan.minutes is None:
        return plan
    short, long = (_seconds(side, plan, epochs, place) for epochs in (SHORT, LONG))
    return replace(plan, epochs=epochs_in(60 * plan.minutes, short, long))


def epochs_in(seconds: float, short: float, long: float) -> int:
    """Epochs that fit into processor seconds, by those of trainings of 1 and of 3 epochs.

    Raises:
        MaenasError: if not even the longer one of these trainings fits, or it took no longer.
    """
    an_epoch = (long - short) / (LONG - SHORT)
    if an_epoch <= 0:
        raise MaenasError(f"{LONG} epochs took {long:.1f} s, {SHORT} took {short:.1f} s.")
    epochs = LONG + int((seconds - long) // an_epoch)
    if epochs < LONG:
        raise MaenasError(f"--minutes: must be at least {long / 60:.1f}, what {LONG} epochs take.")
    return epochs


def _seconds(side: Side, plan: Plan, epochs: int, place: Path) -> float:
    """Processor seconds of a training of so many epochs."""
    out = place / f"{side.name}-{epochs}-epochs-pace"
    if not (out / "ended").exists():
        side.train(replace(plan, epochs=epochs), 0, out)
        (out / "ended").touch()
    return sum(sessions(out))
