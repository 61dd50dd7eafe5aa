"""`maenas show`: a backbone stage by stage."""

from __future__ import annotations

from typing import Annotated

import typer

from maenas.cli.options import Json, PriceDevice, RunWeights, Score, Spec
from maenas.cli.search.weights import parse_weights


def show(
    spec: Spec,
    device: PriceDevice = None,
    template: Annotated[
        str | None,
        typer.Option(help="Neck and head to show: ns nm nl t s m l cn cs, a .yaml or none."),
    ] = None,
    score: Score = None,
    weights: RunWeights = None,
    as_json: Json = False,
) -> None:
    """Show a backbone stage by stage: shape, params, MACs, share of latency and of score."""
    import maenas
    from maenas.cli.search.show_text import print_stages
    from maenas.terminal.console import print_json
    from maenas.terminal.device_warnings import warn_of

    chosen = parse_weights(weights) if weights else None
    result = maenas.show(spec, device, template=template, score=score, weights=chosen)
    warn_of([result.device, *result.limited])
    print_json(result.to_json()) if as_json else print_stages(result)
