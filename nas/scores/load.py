"""Scores by name, from a file, or as objects of a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maenas.blocks import SpecError
from maenas.blocks.files.strict import parse
from maenas.blocks.files.suffixes import is_yaml
from maenas.blocks.files.words import did_you_mean
from maenas.blocks.files.yaml_file import parse_yaml, read_yaml
from maenas.blocks.plugins.load import entry_points, loaded_object
from maenas.blocks.plugins.registry import add_named, derived
from maenas.nas.scores.az_nas import Expressivity, Progressivity, Trainability
from maenas.nas.scores.classics import (
    ActivationsScore,
    LayersScore,
    LogWidthScore,
    MacsScore,
    ParamsScore,
)
from maenas.nas.scores.gradient_proxies import SynFlow, Zen, ZiCo
from maenas.nas.scores.log_scores import LogEntropyScore, LogMacsScore
from maenas.nas.scores.max_entropy import DEFAULT_WEIGHTS
from maenas.nas.scores.max_entropy_score import MaxEntropy, RandomNetworks
from maenas.nas.scores.naswot import Naswot
from maenas.nas.scores.score import ForwardScore, Score

FORMAT = "maenas/score@1"
SCORES: dict[str, type[Score]] = {
    score.name: score
    for score in (
        MaxEntropy,
        LogEntropyScore,
        LogMacsScore,
        MacsScore,
        ParamsScore,
        ActivationsScore,
        LayersScore,
        LogWidthScore,
    )
}
DEFAULT_SCORE = MaxEntropy.name
AZ_NAS = (Expressivity.name, Progressivity.name, Trainability.name)
PASSES: dict[str, Callable[[], ForwardScore]] = {
    kind.name: kind
    for kind in (Naswot, SynFlow, Zen, ZiCo, Expressivity, Progressivity, Trainability)
}
FORWARD_SCORES = (RandomNetworks.name, *PASSES)
WHAT = "a name (with options: log-macs:t=0.5), a .yaml file or module:object"


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """A score with its weights and options.

    Attributes:
        name: name of the score.
        weights: weights of the resolution levels; None for the score's defaults.
        options: values of further fields of the score.
    """

    name: str
    weights: tuple[float, ...] | None = None
    options: dict[str, Any] = field(default_factory=dict)


def load_score(text: str, weights: Sequence[float] | None = None) -> Score:
    """The score that a command or a file names.

    Args:
        text: name of a score, with options as in `log-macs:t=0.5`, path of a score file, or
            `module:object` of a loaded plugin.
        weights: weights of the resolution levels; None for the score's own.
    Raises:
        SpecError: if there is no such score; lists the known names.
    """
    if is_yaml(text):
        score = read_score(Path(text))
    elif "=" in text:
        name, _, options = text.partition(":")
        given = dict(named_option(text, each) for each in options.split(","))
        score = made_score(name, None, given, f"score {text}: ")
    elif ":" in text:
        found = loaded_object(text, "score")
        made = found() if isinstance(found, type) and issubclass(found, Score) else found
        if not isinstance(made, Score):
            raise SpecError(f"score {text}: must be a Score or a class of one, got {found!r}.")
        score = made
    else:
        score = score_class(text)()
    if weights is None:
        return score
    return replace(score, weights=tuple(weights))  # type: ignore[type-var]


def named_option(text: str, option: str) -> tuple[str, Any]:
    """Name and value of one option in `log-macs:t=0.5`.

    Raises:
        SpecError: unless it has the form `name=value`.
    """
    name, is_named, value = option.partition("=")
    if not (name and is_named and value):
        raise SpecError(f"score {text}: options must have the form NAME:option=value,option=value.")
    return name, parse_yaml(value, f"score {text}: {name}")


def read_score(path: Path) -> Score:
    """The score in a file of format `maenas/score@1`.

    Raises:
        SpecError: naming file, key and cause.
    """
    file = parse(ScoreFile, read_yaml(path, FORMAT), str(path))
    if "weights" in file.options:
        raise SpecError(f"{path}: options.weights: belongs one level up, beside `name`.")
    return made_score(file.name, file.weights, file.options, f"{path}: ")


def made_score(
    name: str, weights: Sequence[float] | None, options: Mapping[str, Any], where: str = ""
) -> Score:
    """A score from the name, weights and options of a file.

    Raises:
        SpecError: if there is no such score, or it does not have an option.
    """
    if ":" in name:
        return load_score(name, weights)
    try:
        kind = score_class(name)
    except SpecError as error:
        raise SpecError(f"{where}{error}") from None
    score = parse(kind, dict(options), f"{where}options")
    return score if weights is None else replace(score, weights=tuple(weights))  # type: ignore[type-var]


def score_class(name: str) -> type[Score]:
    """The class of a score by its name, plugins included.

    Raises:
        SpecError: if there is no score with that name.
    """
    if name not in SCORES:
        for found in entry_points("maenas.scores"):
            register_score(found)
    if name not in SCORES:
        raise SpecError(
            f"score: no such score {name!r}; expected {WHAT}, and --plugin MODULE loads scores of "
            f"your own{did_you_mean(name, [*SCORES])}"
        )
    return SCORES[name]


def register_score(score: object) -> None:
    """Register a score class under its name.

    Raises:
        SpecError: if it is not a score, or the name is taken.
    """
    kind = derived(score, Score, "score")
    if "weights" not in getattr(kind, "__dataclass_fields__", {}):
        raise SpecError(
            f"plugin: score {kind.name!r} must be a frozen dataclass with the field `weights`."
        )
    add_named(SCORES, kind.name, kind, "score")


def load_forward(text: str, score: Score, levels: int, option: str = "rerank") -> ForwardScore:
    """The forward-pass score that a command names.

    Args:
        text: one of `FORWARD_SCORES`, or `module:object` of a loaded plugin.
        score: additive score of the search, whose weights the forward score uses.
        levels: number of resolution levels of the backbones.
        option: name of the option, for errors.
    Raises:
        SpecError: if there is no such score.
    """
    if text == RandomNetworks.name:
        if score.cumulative:
            return RandomNetworks(score.level_weights(levels))
        return RandomNetworks(DEFAULT_WEIGHTS[-levels:])  # of fewer levels, the coarsest count
    if text in PASSES:
        return PASSES[text]()
    if ":" not in text:
        raise SpecError(
            f"{option}: no such score {text!r}{did_you_mean(text, FORWARD_SCORES)}; expected "
            f"{', '.join(FORWARD_SCORES)} or module:object, a function of a backbone and a random "
            "seed."
        )
    found = loaded_object(text, option)
    if not callable(found):
        raise SpecError(f"{option} {text}: must be a function of a backbone and a random seed.")
    forward: ForwardScore = found() if isinstance(found, type) else found
    return forward
