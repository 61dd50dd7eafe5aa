"""Python API: every step from a data set and a budget to a measured detector."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.budgets.image_size import InputSize
    from maenas.pipeline.result import RunResult


def run(
    budget: str | Sequence[str] = (),
    data: str | Path | None = None,
    device: str = "cpu",
    *,
    precision: str | None = None,
    threads: int | None = None,
    space: str | None = None,
    template: str | None = None,
    input_size: InputSize = None,
    channels: int | None = None,
    evaluations: int = 100_000,
    epochs: int | None = None,
    init: str | Path | None = None,
    full_profile: bool = False,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    given: Collection[str] | None = None,
) -> RunResult:
    """Search a detector for a device and a data set, train it, evaluate, export and measure it.

    Each step is a command that could be typed; it is announced, and its files are in a folder of
    its own below that of the run. A run that was stopped continues with `resume`, in the middle of
    a profile, a search or a training.

    Args:
        budget: one budget, such as "30ms", or several; if empty, the predicted latency of the
            published detector of the template.
        data: data set, as for `maenas.train`; None for generated shapes.
        device: device that latency is priced for: one of this machine, such as "cpu", which is
            measured if it has no table yet, a table, or a bundled estimate.
        precision: number format of a device of this machine; its default if None.
        threads: number of CPU threads of a device of this machine; all cores if None.
        space: search space; that of the template if None.
        template: scale of neck and head; if None the one whose published model is nearest to the
            budget, or "ns" without a budget.
        input_size: side of the image in pixels, or (height, width); if None that of a space of your
            own, else that of the template.
        channels: number of channels of the images, 3 for RGB or 1 for grey; that of the space if
            None.
        evaluations: number of candidates of the search.
        epochs: number of epochs; that of the recipe if None.
        init: run or detector folder with weights that the detector inherits; None for random ones.
        full_profile: profile the device at length (8 minutes) instead of in 2 minutes.
        seed: random seed of the search and of generated shapes.
        out: folder of the run; the next `runs/run/exp` if None.
        resume: continue the run in the folder, or begin it if there is none.
        given: options that a resumed run must agree with; those that differ from their default if
            None.
    Raises:
        MaenasError: if an option is wrong or a step fails; the finished steps are kept.

    Example:
        >>> done = maenas.run("30ms", "pets/data.yaml")
        >>> done.ap, done.measured_ms, done.model
    """
    from dataclasses import fields

    from maenas.api.search import budget_texts
    from maenas.pipeline.options import RunOptions
    from maenas.pipeline.run import run_steps

    options = RunOptions(
        budget=budget_texts(budget),
        data=None if data is None else str(data),
        device=device,
        precision=precision,
        threads=threads,
        space=space,
        template=template,
        input_size=input_size,
        channels=channels,
        evaluations=evaluations,
        epochs=epochs,
        init=None if init is None else str(init),
        full_profile=full_profile,
        seed=seed,
    )
    names = {field.name for field in fields(RunOptions)}
    if given is None:
        usual = RunOptions(budget=())
        given = {name for name in names if getattr(options, name) != getattr(usual, name)}
    return run_steps(options, None if out is None else Path(out), resume, names & set(given))
