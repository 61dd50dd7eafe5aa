"""`maenas score`: the score of a backbone, in closed form and on random networks."""

from __future__ import annotations

from rich.table import Table

from maenas.blocks import SpecError
from maenas.nas import effectiveness, monte_carlo
from maenas.nas.executors import opened_executor
from maenas.nas.scores.max_entropy import expected_level_scores
from maenas.nas.scores.max_entropy_score import MaxEntropy
from maenas.runs.models import find_model
from maenas.terminal.console import OUT, print_json

SCHEMA = "maenas/score@1"


def score_spec(
    name: str,
    weights: tuple[float, ...] | None,
    seeds: int,
    as_json: bool,
    workers: int = 1,
    ray: str | None = None,
    score_name: str | None = None,
) -> None:
    """Print the score of a backbone; `weights` None takes the weights of its run.

    Raises:
        MaenasError: for an invalid spec, or weights that do not match its levels.
    """
    if seeds < 0:
        raise SpecError(f"seeds: must be at least 0, got {seeds}.")
    if not seeds and (ray is not None or workers != 1):
        raise SpecError("--ray, --workers: are for random networks; give their number, --seeds.")
    model = find_model(name)
    backbone = model.backbone
    score = model.score(score_name, weights)
    weights = score.level_weights(1 + max(backbone.levels))
    levels = score.level_scores(backbone)
    exact = expected_level_scores(backbone) if isinstance(score, MaxEntropy) else None
    result = {
        "schema": SCHEMA,
        "spec": model.name,
        "score_name": score.name,
        "score": score(backbone),
        "expected": score.expected(backbone),
        "weights": list(weights),
        "level_scores": list(levels),
        "expected_level_scores": None if exact is None else list(exact),
        "layers": backbone.layers,
        "effectiveness": effectiveness(backbone),
    }
    if seeds:
        forward = score.forward(len(weights))
        if forward is None:
            raise SpecError(
                f"seeds: the score {score.name} is not defined on random networks; leave --seeds "
                "out."
            )
        with opened_executor(workers, ray) as executor:
            (drawn,) = monte_carlo([backbone], forward, range(seeds), executor)
        result["monte_carlo"] = {
            "mean": drawn.mean,
            "standard_error": drawn.standard_error,
            "scores": list(drawn.scores),
            "seconds": round(drawn.seconds, 4),
        }
    if as_json:
        print_json(result)
        return
    table = Table(title=model.name)
    for column in ("level", "weight", "closed form", *(["with borders"] if exact else [])):
        table.add_column(column, justify="right")
    for index, closed in enumerate(levels):
        borders = [f"{exact[index]:.4f}"] if exact else []
        table.add_row(f"C{index + 1}", f"{weights[index]:g}", f"{closed:.4f}", *borders)
    table.add_section()
    borders = [f"{result['expected']:.4f}"] if exact else []
    table.add_row("score", "", f"{result['score']:.4f}", *borders)
    OUT.print(table)
    if seeds:
        OUT.print(
            f"on {seeds} random networks: {drawn.mean:.4f} ± {drawn.standard_error:.4f} "
            f"(mean and its standard error; {drawn.seconds:.2f} s per network)"
        )
    OUT.print(
        f"{backbone.layers} layers; effectiveness (depth over width, DeepMAD) "
        f"{effectiveness(backbone):.4f}. The score knows nothing of data or labels."
    )
