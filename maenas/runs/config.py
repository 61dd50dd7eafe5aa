"""Configuration of a search: the options file with which a run is repeated or resumed."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Collection, Sequence
from dataclasses import MISSING, dataclass, fields
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import yaml

from maenas.blocks import SpecError
from maenas.blocks.errors import one_of, positive
from maenas.blocks.files.atomic_write import write_text
from maenas.blocks.files.dump import plain_fields
from maenas.blocks.files.strict import parse
from maenas.blocks.files.yaml_file import read_yaml
from maenas.blocks.plugins.load import named_modules
from maenas.budgets import parse_budgets
from maenas.budgets.image_size import InputSize, shown_size
from maenas.detector.channels import COLOURS, KNOWN
from maenas.detector.input_size import require_detector_size
from maenas.nas import DEFAULT_SCORE, EXACT, MIGRATE_EVERY, Score, load_score, load_searcher
from maenas.runs.named_files import found_options, kept_options

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT = "maenas/search@1"
Scope = Literal["detector", "backbone"]
Options = TypeVar("Options", bound="DataclassInstance")
SCOPES: tuple[Scope, ...] = ("detector", "backbone")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchConfig:
    """The options of `maenas search` that decide its result.

    Attributes:
        budgets: budgets in the form given on the command line.
        device: device of latencies that name none; None if each names its own or there is none.
        space: name or path of the search space; None for the template's own.
        template: scale of neck and head; None to choose it by budget.
        scope: part of the network that the budgets limit, "detector" or "backbone".
        algorithm: name of a searcher, "exact", or module:object of a plugin.
        evaluations: number of candidates to propose for each template.
        seed: random seed.
        score: name of the score to maximise, a score file, or module:object of a plugin.
        weights: weights of the score, one for each resolution level; None for its own.
        max_effectiveness: DeepMAD's bound on depth relative to width; None for no bound.
        points: number of networks of a family over a range.
        input_size: side of the input image in pixels, or (height, width); None for that of a space
            of the user's own, else the template's.
        channels: number of channels of the images, 3 for RGB or 1 for grey; None for the space's.
        num_classes: number of classes of the detector that is priced; None for the template's 80.
        islands: number of populations that evolve separately and exchange their best networks.
        migrate_every: number of candidates of an island between two exchanges.
        layers: "auto" to choose the limit on layers by the optima under several; None for that of
            the template, or a budget.
    """

    budgets: tuple[str, ...]
    device: str | None = None
    space: str | None = None
    template: str | None = None
    scope: Scope = "detector"
    algorithm: str = "evolution"
    evaluations: int = 100_000
    seed: int = 0
    score: str = DEFAULT_SCORE
    weights: tuple[float, ...] | None = None
    max_effectiveness: float | None = None
    points: int = 7
    input_size: InputSize = None
    channels: int | None = None
    num_classes: int | None = None
    islands: int = 1
    migrate_every: int = MIGRATE_EVERY
    layers: Literal["auto"] | None = None

    def __post_init__(self) -> None:
        one_of("search", "scope", self.scope, SCOPES)
        if self.layers not in (None, "auto"):
            raise SpecError(
                f"search: --layers must be auto, got {self.layers!r}; a number is a budget, such "
                "as --budget 25layers."
            )
        if self.algorithm != EXACT:
            load_searcher(self.algorithm)
        positive("search", evaluations=self.evaluations, points=self.points)
        positive("search", islands=self.islands, migrate_every=self.migrate_every)
        if self.islands > 1 and self.algorithm in ("random", EXACT):
            raise SpecError(
                f"search: islands need the algorithm evolution; --algorithm {self.algorithm} has "
                "none."
            )
        if self.islands > self.evaluations:
            raise SpecError(
                f"search: {self.islands} islands need at least one of {self.evaluations} "
                "evaluations each."
            )
        if self.seed < 0:
            raise SpecError(f"search: seed must be at least 0, got {self.seed}.")
        if self.max_effectiveness is not None and not 0 < self.max_effectiveness < inf:
            raise SpecError(
                "search: max_effectiveness must be a positive number, "
                f"got {self.max_effectiveness}."
            )
        require_detector_size("search", self.input_size)
        if self.channels not in (None, *COLOURS):
            raise SpecError(f"search: --channels: images have {KNOWN}, got {self.channels}.")
        if self.num_classes is not None:
            positive("search", num_classes=self.num_classes)

    def load_score(self) -> Score:
        """The score to maximise.

        Raises:
            SpecError: if there is no such score.
        """
        return load_score(self.score, self.weights)

    @property
    def limits_layers(self) -> bool:
        """Whether the budgets limit the layers; otherwise the template's limit holds."""
        return any(budget.quantity == "layers" for budget in parse_budgets(self.budgets))

    def command(self) -> str:
        """The command line that repeats this search, without options that have their default.

        The seed and the number of evaluations are always given, and the plugins that were loaded.
        """
        words = ["maenas", "search"]
        for module in named_modules():
            words += ["--plugin", module]
        for budget in self.budgets:
            words += ["--budget", budget]
        for field in fields(self):
            value = getattr(self, field.name)
            unchanged = field.default is not MISSING and value == field.default
            if field.name in ("budgets", "seed", "evaluations") or unchanged:
                continue
            if field.name == "input_size":
                value = shown_size(value)
            elif isinstance(value, tuple):
                value = ",".join(f"{item:g}" for item in value)
            words += [f"--{field.name.replace('_', '-')}", str(value)]
        words += ["--evaluations", str(self.evaluations), "--seed", str(self.seed)]
        return shlex.join(words)


def save_config(config: SearchConfig, fingerprint: str, path: Path) -> None:
    """Write `config.yaml`; `fingerprint` is a digest of space, template and device."""
    kept = plain_fields(kept_options(config, path.parent))
    data = {"format": FORMAT, **kept, "fingerprint": fingerprint}
    text = yaml.safe_dump(data, sort_keys=False)
    write_text(path, f"# {config.command()}\n{text}")


def load_config(path: Path) -> tuple[SearchConfig, str]:
    """Read the options and the fingerprint of a run.

    Raises:
        SpecError: if the file is missing or damaged.
    """
    data = read_yaml(path, FORMAT)
    fingerprint = str(data.pop("fingerprint", ""))
    return found_options(parse(SearchConfig, data, str(path)), path.parent), fingerprint


def digest(*parts: str) -> str:
    """A short fingerprint of texts, the same in every process."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def differences(
    asked: Options, saved: Options, names: Collection[str] | None = None
) -> Sequence[str]:
    """Differences between options of one dataclass as texts; `names` None compares all fields."""
    pairs = [(f.name, getattr(saved, f.name), getattr(asked, f.name)) for f in fields(asked)]
    return [
        f"{name} is {_plain(there)} in the run, {_plain(here)} in the command"
        for name, there, here in pairs
        if there != here and (names is None or name in names)
    ]


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
