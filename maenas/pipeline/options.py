"""What a user asks of a run, and what a resumed run must agree with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from maenas.blocks.errors import MaenasError, not_negative, positive
from maenas.budgets import parse_budgets
from maenas.budgets.image_size import InputSize
from maenas.detector.channels import COLOURS, KNOWN
from maenas.detector.input_size import require_detector_size
from maenas.pipeline.step import words_of
from maenas.runs.named_files import named_as_in

ADDED = frozenset(("channels", "init"))  # options that files of the first version lack


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of a run.

    Attributes:
        budget: budgets of the detector, such as "30ms"; () for the latency of the published
            network of the template.
        data: data set; None for generated shapes.
        device: device that latency is priced for.
        precision: number format of the device; its default if None.
        threads: number of CPU threads of the device; all cores if None.
        space: search space; that of the template if None.
        template: scale of neck and head; the one nearest to the budget if None.
        input_size: side of the image in pixels, or (height, width); if None that of a space of the
            user's own, else that of the template.
        channels: number of channels of the images, 3 or 1; that of the space if None.
        evaluations: number of candidates of the search.
        epochs: number of epochs; that of the recipe if None.
        init: run or detector folder whose weights the detector inherits; random weights if None.
        full_profile: whether the device is profiled at length instead of in 2 minutes.
        seed: random seed of the search and of generated shapes.
    """

    budget: tuple[str, ...] = ()
    data: str | None = None
    device: str = "cpu"
    precision: str | None = None
    threads: int | None = None
    space: str | None = None
    template: str | None = None
    input_size: InputSize = None
    channels: int | None = None
    evaluations: int = 100_000
    epochs: int | None = None
    init: str | None = None
    full_profile: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.channels not in (None, *COLOURS):
            raise MaenasError(f"run: --channels: images have {KNOWN}, got {self.channels}.")
        for budget in parse_budgets(self.budget) if self.budget else ():
            if budget.low is not None:
                raise MaenasError(
                    f"run: builds one detector, so a budget is one limit such as 5ms, got the "
                    f"range {budget.text}; `maenas search` finds a network for each of several."
                )
        require_detector_size("run", self.input_size)
        # Some are used by the last steps alone, hours after the start.
        given = {name: getattr(self, name) for name in ("threads", "evaluations", "epochs")}
        positive("run", **{name: value for name, value in given.items() if value is not None})
        not_negative("run", seed=self.seed)

    @property
    def limits_latency(self) -> bool:
        """Whether latency is limited, as it is without a budget."""
        budgets = parse_budgets(self.budget) if self.budget else ()
        return not budgets or any(budget.quantity == "latency_ms" for budget in budgets)

    def to_json(self) -> dict[str, Any]:
        """The options as plain data."""
        lists = {key: list(value) for key, value in asdict(self).items() if type(value) is tuple}
        return {**asdict(self), **lists}


def require_usable(options: RunOptions) -> None:
    """Raise `MaenasError` for a name that only a later step reads, and that names nothing.

    A run that goes on is not asked: what its finished steps have read may be elsewhere by now.
    """
    # not at the top, so that a report can read options without torch
    from maenas.detector import load_template
    from maenas.runs.models import find_source
    from maenas.search_spaces import own_size

    size = own_size(options.space)
    if options.input_size is None:
        require_detector_size(f"run: {options.space}", size)
    if options.template is not None:
        load_template(options.template)
    if options.init is not None:
        find_source(options.init)


def options_of(data: Mapping[str, Any], path: Path) -> RunOptions:
    """The options that a run's file holds.

    Raises:
        MaenasError: if the file is of another version. Options that were added since the first one
            have their default values.
    """
    names = {field.name for field in fields(RunOptions)}
    if set(data) - names or names - set(data) - ADDED:
        wrong = ", ".join(sorted((names - ADDED) ^ (set(data) - ADDED)))
        raise MaenasError(f"{path}: options: were written by another version ({wrong}).")
    tuples = {key: tuple(value) for key, value in data.items() if isinstance(value, list)}
    return RunOptions(**{**data, **tuples})


def require_same(asked: RunOptions, saved: RunOptions, given: Collection[str], path: Path) -> None:
    """Raise `MaenasError` if an option that was given differs from that of the resumed run."""
    asked = named_as_in(saved, asked)
    for name in sorted(given):
        new, old = getattr(asked, name), getattr(saved, name)
        if new != old:
            raise MaenasError(
                f"{path}: is of a run with {name} {shown(old)}, got {shown(new)}; without --resume "
                "a new run begins and keeps the profile, --out names the folder of another run."
            )


def shown(value: object) -> str:
    """An option's value as text."""
    return " ".join(words_of(value)) or "by default"
