"""`maenas score`: the score of a backbone, in closed form and on random networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from maenas.cli.options import Json, Ray, RunWeights, Spec, Workers
from maenas.cli.options import Score as Kind
from maenas.cli.search.weights import parse_weights

if TYPE_CHECKING:
    from maenas.backbone_search.scoring import ScoreResult


def score(
    spec: Spec,
    kind: Kind = None,
    weights: RunWeights = None,
    seeds: Annotated[
        int,
        typer.Option(
            help="Number of random networks to score the backbone on as well; 0 for none."
        ),
    ] = 0,
    workers: Workers = 1,
    ray: Ray = None,
    as_json: Json = False,
) -> None:
    """Score a backbone in closed form, with border effects, and on random networks."""
    import maenas
    from maenas.terminal.console import print_json

    chosen = parse_weights(weights) if weights else None
    result = maenas.score(spec, kind, weights=chosen, seeds=seeds, workers=workers, ray=ray)
    print_json(result.to_json()) if as_json else print_score(result)


def print_score(result: ScoreResult) -> None:
    """Print a table with a row per resolution level, and the score on random networks."""
    from rich.table import Table

    from maenas.terminal.console import OUT

    exact = result.expected_level_scores
    table = Table(title=result.name)
    for column in ("level", "weight", "closed form", *(["with borders"] if exact else [])):
        table.add_column(column, justify="right")
    for index, (weight, closed) in enumerate(zip(result.weights, result.level_scores, strict=True)):
        borders = [f"{exact[index]:.4f}"] if exact else []
        table.add_row(f"C{index + 1}", f"{weight:g}", f"{closed:.4f}", *borders)
    table.add_section()
    borders = [f"{result.expected:.4f}"] if exact else []
    table.add_row("score", "", f"{result.value:.4f}", *borders)
    OUT.print(table)
    drawn = result.monte_carlo
    if drawn is not None:
        OUT.print(
            f"on {len(drawn.scores)} random networks: {drawn.mean:.4f} ± "
            f"{drawn.standard_error:.4f} (mean and its standard error; {drawn.seconds:.2f} s "
            "per network)"
        )
    OUT.print(
        f"{result.backbone.layers} layers; effectiveness (depth over width, DeepMAD) "
        f"{result.effectiveness:.4f}. The score knows nothing of data or labels."
    )
