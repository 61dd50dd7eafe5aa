"""`maenas score`: the score of a backbone, in closed form and on random networks."""

from __future__ import annotations

from typing import Annotated

import typer

from maenas.cli.options import Json, Ray, RunWeights, Spec, Workers
from maenas.cli.options import Score as Kind
from maenas.cli.search.weights import parse_weights


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
    from maenas.backbone_search.scoring import score_spec

    chosen = parse_weights(weights) if weights else None
    score_spec(spec, chosen, seeds, as_json, workers, ray, kind)
