"""The score of a backbone, in closed form and on random networks: the result of `score`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maenas.blocks import Backbone, SpecError
from maenas.nas import MaxEntropy, MonteCarloScore, Score, effectiveness, monte_carlo
from maenas.nas.executors import opened_executor
from maenas.nas.scores.max_entropy import expected_level_scores
from maenas.runs.models import ModelSpec

SCHEMA = "maenas/score@1"


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """The score of one backbone.

    Attributes:
        name: name of the model, or the file in its run folder.
        backbone: backbone of the model.
        score: score that was computed.
        monte_carlo: the score on random networks; None if none were asked for.
    """

    name: str
    backbone: Backbone
    score: Score
    monte_carlo: MonteCarloScore | None

    @property
    def value(self) -> float:
        """The score in closed form."""
        return self.score(self.backbone)

    @property
    def expected(self) -> float | None:
        """The score with the effect of zero padding; None if the score cannot compute it."""
        return self.score.expected(self.backbone)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the score, one per resolution level."""
        return self.score.level_weights(1 + max(self.backbone.levels))

    @property
    def level_scores(self) -> tuple[float, ...]:
        """Score of each resolution level before weighting."""
        return self.score.level_scores(self.backbone)

    @property
    def expected_level_scores(self) -> tuple[float, ...] | None:
        """Score of each level with zero padding; None if the score cannot compute it."""
        if not isinstance(self.score, MaxEntropy):
            return None
        return tuple(expected_level_scores(self.backbone))

    @property
    def effectiveness(self) -> float:
        """Depth relative to width, as DeepMAD defines it."""
        return effectiveness(self.backbone)

    def to_json(self) -> dict[str, Any]:
        """The result as plain data."""
        exact = self.expected_level_scores
        result = {
            "schema": SCHEMA,
            "spec": self.name,
            "score_name": self.score.name,
            "score": self.value,
            "expected": self.expected,
            "weights": list(self.weights),
            "level_scores": list(self.level_scores),
            "expected_level_scores": None if exact is None else list(exact),
            "layers": self.backbone.layers,
            "effectiveness": self.effectiveness,
        }
        drawn = self.monte_carlo
        if drawn is not None:
            result["monte_carlo"] = {
                "mean": drawn.mean,
                "standard_error": drawn.standard_error,
                "scores": list(drawn.scores),
                "seconds": round(drawn.seconds, 4),
            }
        return result


def score_model(
    model: ModelSpec, score: Score, seeds: int, workers: int = 1, ray: str | None = None
) -> ScoreResult:
    """The score of a model, and on `seeds` random networks.

    Raises:
        MaenasError: for weights that do not match its levels, or options without effect.
    """
    if seeds < 0:
        raise SpecError(f"seeds: must be at least 0, got {seeds}.")
    if not seeds and (ray is not None or workers != 1):
        raise SpecError("--ray, --workers: are for random networks; give their number, --seeds.")
    levels = 1 + max(model.backbone.levels)
    score.level_weights(levels)
    if not seeds:
        return ScoreResult(model.name, model.backbone, score, None)
    forward = score.forward(levels)
    if forward is None:
        raise SpecError(
            f"seeds: the score {score.name} is not defined on random networks; leave --seeds out."
        )
    with opened_executor(workers, ray) as executor:
        (drawn,) = monte_carlo([model.backbone], forward, range(seeds), executor)
    return ScoreResult(model.name, model.backbone, score, drawn)
