"""`maenas score`: the score in all its forms."""

from __future__ import annotations

from rich.table import Table

from maenas.blocks import SpecError
from maenas.nas import effectiveness, expected_entropy, level_scores, max_entropy, monte_carlo
from maenas.nas.executors import opened_executor
from maenas.nas.scores.max_entropy import expected_level_scores
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
) -> None:
    """Print the score of a backbone; `weights` are the run's if None.

    Raises:
        MaenasError: for a spec that cannot be used, or weights that do not fit its levels.
    """
    if seeds < 0:
        raise SpecError(f"seeds: must be at least 0, got {seeds}.")
    if not seeds and (ray is not None or workers != 1):
        raise SpecError("--ray, --workers: are for random networks; give their number, --seeds.")
    named = find_model(name)
    backbone = named.backbone
    weights = weights or named.weights
    result = {
        "schema": SCHEMA,
        "spec": named.name,
        "score": max_entropy(backbone, weights),
        "expected": expected_entropy(backbone, weights),
        "weights": list(weights),
        "level_scores": list(level_scores(backbone)),
        "expected_level_scores": list(expected_level_scores(backbone)),
        "layers": backbone.layers,
        "effectiveness": effectiveness(backbone),
    }
    if seeds:
        with opened_executor(workers, ray) as executor:
            (drawn,) = monte_carlo([backbone], weights, range(seeds), executor)
        result["monte_carlo"] = {
            "mean": drawn.mean,
            "standard_error": drawn.standard_error,
            "scores": list(drawn.scores),
        }
    if as_json:
        print_json(result)
        return
    table = Table(title=named.name)
    for column in ("level", "weight", "closed form", "with borders"):
        table.add_column(column, justify="right")
    for index, (closed, exact) in enumerate(
        zip(level_scores(backbone), expected_level_scores(backbone), strict=True)
    ):
        table.add_row(f"C{index + 1}", f"{weights[index]:g}", f"{closed:.4f}", f"{exact:.4f}")
    table.add_section()
    table.add_row("score", "", f"{result['score']:.4f}", f"{result['expected']:.4f}")
    OUT.print(table)
    if seeds:
        OUT.print(
            f"on {seeds} random networks: {drawn.mean:.4f} ± {drawn.standard_error:.4f} "
            "(mean and its standard error)"
        )
    OUT.print(
        f"{backbone.layers} layers; effectiveness (depth over width, DeepMAD) "
        f"{effectiveness(backbone):.4f}. The score knows nothing of data or labels."
    )
