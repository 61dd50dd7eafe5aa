"""The options of `maenas race`, which its folder keeps so that it can be resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from maenas.backbone_search.portfolio.options import is_portfolio
from maenas.backbone_search.portfolio.result import RESULT_FILE
from maenas.blocks import SpecError
from maenas.blocks.errors import positive
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.dump import all_fields
from maenas.blocks.files.strict import parse
from maenas.blocks.files.yaml_file import read_yaml
from maenas.runs.config import differences
from maenas.runs.named_files import found_options, kept_options, named_as_in

FORMAT = "maenas/race@1"
OPTIONS_FILE = "race.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceOptions:
    """The options that decide a race.

    Attributes:
        sources: folder of a portfolio, or several specs, detectors or run folders.
        data: path of the data set.
        epochs: number of epochs of the last round; None to derive it from `minutes`.
        minutes: minutes that all trainings together should take; None without a plan.
        seed: random seed of the trainings.
        recipe: recipe file or scale; None for that of each neck.
        changes: changed values of the recipe.
        images: digest of the images and labels that it began with, see `images_digest`.
    """

    sources: tuple[str, ...] = ()
    data: str = ""
    epochs: int | None = None
    minutes: float | None = None
    seed: int = 0
    recipe: str | None = None
    changes: tuple[str, ...] = ()
    images: str = ""

    def __post_init__(self) -> None:
        if self.epochs is not None:
            positive("race", epochs=self.epochs)
        if self.minutes is not None and not self.minutes > 0:
            raise SpecError(f"race: minutes must be a positive number, got {self.minutes:g}.")
        if self.seed < 0:
            raise SpecError(f"race: seed must be at least 0, got {self.seed}.")

    def require_start(self, resumed: Path | None = None) -> None:
        """Raise `SpecError` unless networks, data and a length are given.

        Args:
            resumed: folder that was named to be resumed, and holds no race.
        """
        if not self.sources or not self.data:
            instead = "or --resume." if resumed is None else f"{resumed} holds no race to continue."
            raise SpecError(
                "race: needs networks and --data, such as `maenas race runs/portfolio/exp --data "
                f"data.yaml --minutes 60`; {instead}"
            )
        if (self.epochs is None) == (self.minutes is None):
            raise SpecError("race: give either --minutes or --epochs of the last round.")


def save_options(options: RaceOptions, folder: Path) -> None:
    """Write `race.yaml`."""
    write_text(folder / OPTIONS_FILE, all_fields(kept_options(options, folder), FORMAT))


def load_options(path: Path) -> RaceOptions:
    """The options in a file `race.yaml`.

    Raises:
        SpecError: if it is damaged.
    """
    return found_options(parse(RaceOptions, read_yaml(path, FORMAT), str(path)), path.parent)


def continued(asked: RaceOptions, saved: RaceOptions) -> RaceOptions:
    """The options of a race that is resumed; those given must agree with them.

    Raises:
        SpecError: if one of them differs. As long as no epochs are planned, minutes may.
    """
    if asked.minutes is not None and saved.epochs is None:
        saved = replace(saved, minutes=asked.minutes)
    default = RaceOptions()
    asked = named_as_in(saved, asked)
    given = {each.name for each in fields(asked)}
    given -= {name for name in given if getattr(asked, name) == getattr(default, name)}
    different = differences(asked, saved, given)
    if different:
        raise SpecError(
            f"race: {'; '.join(different)}; leave it out, or begin another race with --out."
        )
    return saved


def members_of(sources: Sequence[str]) -> list[str]:
    """Specs in the folder of a portfolio or of a search over a range, or those that are named.

    Raises:
        SpecError: if a portfolio is not finished.
    """
    found: list[str] = []
    for source in sources:
        if is_portfolio(Path(source)) and not (Path(source) / RESULT_FILE).exists():
            raise SpecError(
                f"{source} is a portfolio that is not finished; `maenas search --resume "
                f"--out {source}` finishes it."
            )
        inside = sorted(Path(source).glob("*/best.yaml")) or sorted(
            (Path(source) / "pareto").glob("*.yaml")
        )
        found += map(str, inside) if inside else [source]
    return found


def rounds_of(count: int, epochs: int, depths_differ: bool) -> list[tuple[int, int]]:
    """Networks and epochs of each round of successive halving, the winner alone last.

    Each round halves the networks and doubles the epochs. Short trainings put deep networks at a
    disadvantage, so rounds are twice as long where depths differ. Rounds of equal length, which
    would rank the same trainings again, are one round.
    """
    sizes = [count]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    factor = 2 if depths_differ else 1
    last = len(sizes) - 1
    lengths = [max(1, min(epochs, factor * epochs // 2 ** (last - at))) for at in range(last)]
    first = {
        length: size for size, length in zip(reversed(sizes[:-1]), reversed(lengths), strict=True)
    }
    return [*((size, length) for length, size in sorted(first.items())), (1, epochs)]


def epochs_within(
    minutes: float, minutes_per_epoch: Sequence[float], depths_differ: bool, workers: int = 1
) -> int:
    """The largest number of epochs of the last round with which all rounds take so many minutes.

    Args:
        minutes: minutes of all trainings.
        minutes_per_epoch: minutes of an epoch of each network; later rounds are planned with the
            most expensive ones.
        depths_differ: whether the depths of the networks differ.
        workers: number of trainings at the same time; the winner is trained alone.
    Raises:
        SpecError: if not even four epochs fit.
    """
    costs = sorted(minutes_per_epoch, reverse=True)

    def total(epochs: int) -> float:
        rounds = rounds_of(len(costs), epochs, depths_differ)
        if rounds[-2][1] == epochs:
            rounds.pop()  # the winner of that round is trained to the end already
        return sum(length * sum(costs[:size:workers]) for size, length in rounds)

    epochs = FEWEST_EPOCHS
    if total(epochs) > minutes:
        raise SpecError(
            f"race: {FEWEST_EPOCHS} epochs of the last round take about {total(epochs):.1f} "
            f"minutes in all, more than --minutes {minutes:g}; give more, or fewer networks."
        )
    while total(epochs + 1) <= minutes and epochs < MOST_EPOCHS:
        epochs += 1
    return epochs


FEWEST_EPOCHS, MOST_EPOCHS = 4, 1000
