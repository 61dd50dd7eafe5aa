"""`maenas search`: find the backbone with the highest score within all budgets."""

from __future__ import annotations

import typer

from maenas.cli.options import Json, Ray, Resume, Workers
from maenas.cli.search.finalist_options import Rerank, Verify, VerifyTimeout, VerifyWith
from maenas.cli.search.one_network_options import Channels
from maenas.cli.search.portfolio_text import print_portfolio, require_spans
from maenas.cli.search.search_options import (
    Algorithm,
    Budgets,
    Classes,
    ClassesData,
    Devices,
    Evaluations,
    Finalists,
    FinalistSeeds,
    Islands,
    Layers,
    MaxEffectiveness,
    MigrateEvery,
    Out,
    Points,
    Portfolio,
    Replace,
    Scales,
    Scope,
    Score,
    Seed,
    Sides,
    Spaces,
    Weights,
)
from maenas.cli.search.weights import parse_weights
from maenas.cli.stop import interrupted
from maenas.cli.typed import typed


def search(
    context: typer.Context,
    budget: Budgets = None,
    device: Devices = None,
    scope: Scope = "detector",
    points: Points = 7,
    space: Spaces = None,
    template: Scales = None,
    input_size: Sides = None,
    channels: Channels = None,
    num_classes: Classes = None,
    data: ClassesData = None,
    layers: Layers = None,
    max_effectiveness: MaxEffectiveness = None,
    score: Score = "max-entropy",
    portfolio: Portfolio = None,
    weights: Weights = None,
    algorithm: Algorithm = "evolution",
    evaluations: Evaluations = 100_000,
    seed: Seed = 0,
    islands: Islands = 1,
    migrate_every: MigrateEvery = 5_000,
    finalists: Finalists = 3,
    finalist_seeds: FinalistSeeds = 4,
    verify: Verify = 0,
    verify_with: VerifyWith = None,
    verify_timeout: VerifyTimeout = 600,
    rerank: Rerank = None,
    workers: Workers = 1,
    ray: Ray = None,
    out: Out = None,
    resume: Resume = False,
    exist_ok: Replace = False,
    as_json: Json = False,
) -> None:
    """Search for the backbone with the highest score within every budget."""
    import maenas
    from maenas.backbone_search.effort import Effort
    from maenas.backbone_search.plan import number_of_classes
    from maenas.backbone_search.portfolio.options import Span, is_portfolio
    from maenas.backbone_search.results.card import print_card
    from maenas.backbone_search.results.searches import print_searches
    from maenas.backbone_search.run import run_search
    from maenas.backbone_search.sweep import every, last_is_several, run_searches
    from maenas.budgets.image_size import parse_input_size
    from maenas.runs.config import SearchConfig
    from maenas.terminal.console import print_json

    spaces: list[str | None] = [*space] if space else [None]
    devices: list[str | None] = [*device] if device else [None]
    templates: list[str | None] = [*template] if template else [None]
    sides = [*map(parse_input_size, input_size)] if input_size else [None]
    several = portfolio is not None or (resume and out is not None and is_portfolio(out))
    require_spans(several, devices, templates, sides)
    config = SearchConfig(
        budgets=tuple(budget or ()),
        device=devices[0],
        space=spaces[0],
        template=templates[0],
        scope=scope,  # type: ignore[arg-type]
        algorithm=algorithm,
        evaluations=evaluations,
        seed=seed,
        score=score,
        weights=parse_weights(weights) if weights is not None else None,
        layers=layers,  # type: ignore[arg-type]
        max_effectiveness=max_effectiveness,
        points=points,
        input_size=sides[0],
        channels=channels,
        num_classes=number_of_classes(num_classes, data),
        islands=islands,
        migrate_every=migrate_every,
    )
    effort = Effort(
        workers=workers,
        ray=ray,
        finalists=finalists,
        finalist_seeds=finalist_seeds,
        verify=verify,
        verify_with=tuple(verify_with or ()),
        verify_timeout=verify_timeout,
        rerank=rerank,
    )
    asked = typed(context, budget="budgets", data="num_classes")
    with interrupted("the same command with --resume continues from the last save"):
        if several:  # a resumed portfolio keeps its own number of networks
            options = (config, portfolio or Span().portfolio, spaces, templates, sides)
            chosen = maenas.search_portfolio(
                *options, effort=effort, out=out, resume=resume, exist_ok=exist_ok, given=asked
            )
            print_json(chosen.to_json()) if as_json else print_portfolio(chosen)
        elif len(spaces) * len(devices) > 1 or (resume and last_is_several(out)):
            configs = every(config, spaces, devices)
            found = run_searches(configs, out, resume, exist_ok, effort, asked)
            print_json(found.to_json()) if as_json else print_searches(found)
        else:
            result = run_search(config, out, resume, exist_ok, effort, asked)
            print_json(result.to_json()) if as_json else print_card(result)
