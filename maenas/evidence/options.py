"""The options of `maenas judge`, which its folder keeps so that a run can be resumed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from maenas.backbone_search.plan import Subproblem, plan
from maenas.blocks import SpecError
from maenas.blocks.errors import one_of, positive
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.dump import all_fields
from maenas.blocks.files.strict import parse
from maenas.blocks.files.yaml_file import read_yaml
from maenas.budgets.image_size import InputSize
from maenas.detector.data.readers.read import names_of
from maenas.evidence.agreement import FEWEST
from maenas.nas import load_forward, load_score
from maenas.runs.config import SCOPES, SearchConfig, differences
from maenas.runs.named_files import found_options, kept_options, named_as_in

FORMAT = "maenas/judge@1"
OPTIONS_FILE = "judge.yaml"
ANY_SCORE = "log-entropy"  # no score decides what is drawn; this one suits any number of levels


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """The options that decide which networks are drawn and how each is trained.

    Attributes:
        at: cost that all networks have, a budget such as "1.0GMACs" or "20ms".
        data: path of the data set.
        space: search space; None for the template's own.
        template: scale of neck and head; None to choose it by the cost.
        device: device or table that prices a latency.
        scope: part whose cost is equal, "detector" or "backbone".
        input_size: side of the input image in pixels, or (height, width); None for that of a space
            of the user's own, else the template's.
        networks: number of networks.
        band: relative width of the band of cost below `at`.
        equal_depth: whether all networks have the same number of layers.
        seed: random seed of the draw and of the first training of each network.
        epochs: number of epochs of each training.
        short_epochs: number of epochs of a further, shorter training of each; None for none.
        repeats: number of networks that are trained with a second seed as well.
        recipe: recipe file or scale; None for that of the template.
        changes: changed values of the recipe.
        proxies: scores that need forward passes and are compared too, such as "zen".
        images: digest of the images and labels that it began with, see `images_digest`.
    """

    at: str = ""
    data: str = ""
    space: str | None = None
    template: str | None = None
    device: str | None = None
    scope: Literal["detector", "backbone"] = "detector"
    input_size: InputSize = None
    networks: int = 48
    band: float = 0.05
    equal_depth: bool = False
    seed: int = 0
    epochs: int = 24
    short_epochs: int | None = None
    repeats: int = 0
    recipe: str | None = None
    changes: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    images: str = ""

    def __post_init__(self) -> None:
        for name in self.proxies:
            load_forward(name, load_score(ANY_SCORE), 1, "proxy")
        positive("judge", networks=self.networks, epochs=self.epochs)
        one_of("judge", "scope", self.scope, SCOPES)
        if self.networks < FEWEST:
            raise SpecError(
                f"judge: networks must be at least {FEWEST} for a rank correlation, "
                f"got {self.networks}."
            )
        if not 0 < self.band <= 1:
            raise SpecError(f"judge: band must lie above 0 and at most at 1, got {self.band:g}.")
        if self.short_epochs is not None and not 0 < self.short_epochs < self.epochs:
            raise SpecError(
                f"judge: short_epochs must lie between 1 and {self.epochs - 1}, one less than "
                f"epochs, got {self.short_epochs}."
            )
        if not 0 <= self.repeats <= self.networks:
            raise SpecError(
                f"judge: repeats must lie between 0 and {self.networks}, the number of networks, "
                f"got {self.repeats}."
            )
        if self.seed < 0:
            raise SpecError(f"judge: seed must be at least 0, got {self.seed}.")

    def subproblem(self) -> Subproblem:
        """Space, template and cost of the networks.

        Raises:
            MaenasError: if one of them is wrong, or `at` is a range.
        """
        config = SearchConfig(
            budgets=(self.at,),
            device=self.device,
            space=self.space,
            template=self.template,
            scope=self.scope,
            input_size=self.input_size,
            num_classes=len(names_of(Path(self.data))),
            score=ANY_SCORE,
        )
        if ".." in self.at:
            raise SpecError(f"judge: --at must be one cost, such as 1.0GMACs, got {self.at!r}.")
        return plan(config)[0]


def save_options(options: JudgeOptions, folder: Path) -> None:
    """Write `judge.yaml`."""
    write_text(folder / OPTIONS_FILE, all_fields(kept_options(options, folder), FORMAT))


def load_options(path: Path) -> JudgeOptions:
    """The options in a file `judge.yaml`.

    Raises:
        SpecError: if it is damaged.
    """
    return found_options(parse(JudgeOptions, read_yaml(path, FORMAT), str(path)), path.parent)


def agreed(asked: JudgeOptions, saved: JudgeOptions, given: Collection[str]) -> JudgeOptions:
    """The options of a run that is resumed: those of the run, with more repeats and proxies.

    Args:
        asked: options of the command.
        saved: options of the run.
        given: names of the options that the user gave.
    Raises:
        SpecError: if one of them differs, except `repeats` and `proxies`, which may grow.
    """
    asked = named_as_in(saved, asked)
    different = differences(asked, saved, set(given) - {"repeats", "proxies"})
    if different:
        raise SpecError(
            f"judge: {'; '.join(different)}; leave it out, or begin another run with --out."
        )
    proxies = tuple(dict.fromkeys((*saved.proxies, *asked.proxies)))
    return replace(saved, repeats=max(saved.repeats, asked.repeats), proxies=proxies)
