"""The interfaces of scores: sums over the stages of a backbone, and results of forward passes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from math import isfinite
from typing import Any, ClassVar, Protocol

from maenas.blocks import Backbone, Block, Op, SpecError


class Score(ABC):
    """An additive score: a weighted sum over resolution levels of operator and width amounts.

    Because it is a sum over stages, a search evaluates each stage once, and the exact solver can
    bound the gap to the optimum. A score is a frozen dataclass. Its fields except `weights` are
    its options, also in a score file. Only `op` is required::

        @dataclass(frozen=True, slots=True)
        class Depthwise(Score):
            name: ClassVar[str] = "depthwise"
            weights: tuple[float, ...] | None = None

            def op(self, op: Op) -> float:
                return float(op.kind == "conv" and op.groups > 1)

    Attributes:
        name: name on the command line and in files.
        unit: unit of the score, shown in reports.
        cumulative: whether the amount of an operator also counts in every later level.
        signed: whether weights may be negative.
        linear_in_depth: whether each unit of a stage after the first adds the same amount, which
            makes the evaluation faster.
        weights: weights of the resolution levels, coarser last; None for 1 everywhere.
    """

    __slots__ = ()

    name: ClassVar[str]
    unit: ClassVar[str] = ""
    cumulative: ClassVar[bool] = False
    signed: ClassVar[bool] = True
    linear_in_depth: ClassVar[bool] = True
    weights: tuple[float, ...] | None

    @abstractmethod
    def op(self, op: Op) -> float:
        """Amount that one operator adds to its level."""

    def width(self, channels: int) -> float:
        """Amount that the width of the last map of a level adds to that level."""
        return 0.0

    def amount(self, block: Block, ops: Sequence[Op]) -> float:
        """Amount that one stage adds to its level: by default the sum over its operators."""
        return sum(self.op(op) for op in ops)

    def forward(self, levels: int) -> ForwardScore | None:
        """The score measured on random networks with `levels` levels; None if not available.

        A search checks its finalists with it.
        """
        return None

    def expected(self, backbone: Backbone) -> float | None:
        """Score with the effect of zero padding; None if not available."""
        return None

    def __call__(self, backbone: Backbone) -> float:
        """The score of a backbone; higher is better.

        Raises:
            SpecError: unless there is one weight for each level of the backbone.
        """
        scores = self.level_scores(backbone)
        weights = self.level_weights(len(scores))
        return sum(weight * score for weight, score in zip(weights, scores, strict=True))

    def level_scores(self, backbone: Backbone) -> tuple[float, ...]:
        """Score of each resolution level before weighting."""
        scores: list[float] = []
        total = 0.0
        levels = backbone.levels
        for index, ops in enumerate(backbone.stage_ops()):
            total += self.amount(backbone.stages[index], ops)
            if ends_level(levels, index):
                scores.append(total + self.width(ops[-1].out_shape[0]))
                total = total if self.cumulative else 0.0
        return tuple(scores)

    def level_weights(self, levels: int) -> tuple[float, ...]:
        """The factors of `levels` resolution levels in the score: by default `given_weights`.

        Raises:
            SpecError: if the number of weights is wrong, or a weight is not allowed.
        """
        return self.given_weights(levels)

    def given_weights(self, levels: int) -> tuple[float, ...]:
        """The field `weights`, with 1 for each of `levels` resolution levels if it is None.

        Raises:
            SpecError: if the number of weights is wrong, or a weight is not allowed.
        """
        weights = (1.0,) * levels if self.weights is None else self.weights
        check_weights(weights, levels, self.signed)
        return weights

    def stage_weights(self, levels: Sequence[int]) -> list[tuple[float, float]]:
        """Factors of each stage's operator amount and width amount in the score.

        Args:
            levels: level of each stage, ascending from 0.
        """
        weights = self.level_weights(1 + max(levels))
        found = []
        for index, level in enumerate(levels):
            amount = sum(weights[level:]) if self.cumulative else weights[level]
            found.append((amount, weights[level] if ends_level(levels, index) else 0.0))
        return found

    def shares(self, backbone: Backbone) -> list[float]:
        """Contribution of each stage to the score; the contributions sum to the score."""
        found = []
        stage_weights = self.stage_weights(backbone.levels)
        stages = zip(backbone.stages, backbone.stage_ops(), stage_weights, strict=True)
        for block, ops, (weight, width_weight) in stages:
            share = weight * self.amount(block, ops)
            if width_weight:
                share += width_weight * self.width(ops[-1].out_shape[0])
            found.append(share)
        return found

    def options(self) -> dict[str, Any]:
        """The fields except `weights`, as plain data."""
        names = [field.name for field in fields(self) if field.init]  # type: ignore[arg-type]
        return {name: getattr(self, name) for name in names if name != "weights"}

    @property
    def text(self) -> str:
        """The name with the options that are no default, such as "log-macs:t=0.5"."""
        usual = {field.name: field.default for field in fields(self)}  # type: ignore[arg-type]
        changed = {name: value for name, value in self.options().items() if value != usual[name]}
        told = ",".join(f"{name}={value}" for name, value in changed.items())
        return f"{self.name}:{told}" if told else self.name


class ForwardScore(Protocol):
    """A score that needs a forward pass: any function of a backbone and a random seed.

    Because it is not a sum over stages, a search cannot maximise it, but it can rank the
    finalists. It must be picklable, since other processes call it.
    """

    def __call__(self, backbone: Backbone, seed: int) -> float:
        """The score of one random network; higher is better."""


def ends_level(levels: Sequence[int], index: int) -> bool:
    """Whether a stage is the last one of its resolution level."""
    return index + 1 == len(levels) or levels[index + 1] != levels[index]


def check_weights(weights: Sequence[float], levels: int, signed: bool = False) -> None:
    """Raise `SpecError` unless there is one weight per level and at least one is not zero.

    Args:
        weights: weights of the resolution levels.
        levels: number of resolution levels.
        signed: whether weights may be negative.
    """
    legal = all(isfinite(w) and (signed or w >= 0) for w in weights)
    if len(weights) != levels or not legal or not any(weights):
        sign = "" if signed else "none negative and "
        raise SpecError(
            f"weights: one per resolution level is needed ({levels} here), finite, {sign}"
            f"not all zero, got {list(weights)}."
        )
