"""Python API: search the best backbone within budgets, for one or several spaces and devices."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maenas.backbone_search.effort import Effort
    from maenas.backbone_search.portfolio.options import Span
    from maenas.backbone_search.portfolio.result import Portfolio
    from maenas.backbone_search.results.result import Result
    from maenas.backbone_search.results.searches import Searches
    from maenas.blocks import Block
    from maenas.budgets.image_size import InputSize
    from maenas.nas import ForwardScore, Score, SearcherFactory
    from maenas.nas.executors import Executor
    from maenas.runs.config import SearchConfig
    from maenas.search_spaces import Space


def search(
    budget: str | Sequence[str] = (),
    device: str | None = None,
    *,
    space: str | Space | None = None,
    template: str | None = None,
    scope: str = "detector",
    searcher: str | SearcherFactory = "evolution",
    evaluations: int = 100_000,
    seed: int = 0,
    score: str | Score = "max-entropy",
    weights: Sequence[float] | None = None,
    layers: str | None = None,
    max_effectiveness: float | None = None,
    points: int = 7,
    input_size: InputSize = None,
    channels: int | None = None,
    num_classes: int | None = None,
    data: str | Path | None = None,
    islands: int = 1,
    migrate_every: int = 5_000,
    finalists: int = 3,
    finalist_seeds: int = 4,
    verify: int = 0,
    verify_with: str | Sequence[str] = (),
    verify_timeout: float = 600.0,
    rerank: str | ForwardScore | None = None,
    blocks: Sequence[type[Block]] = (),
    workers: int = 1,
    ray: str | None = None,
    executor: Executor | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    exist_ok: bool = False,
    given: Collection[str] | None = None,
) -> Result:
    """Search the backbone with the highest score that meets every budget.

    A score, searcher or block that is handed in as an object is registered under its name: the
    run's files name it, and commands that read them need the module that registers it
    (`--plugin`).

    Args:
        budget: one or several, such as "3.8ms", "9GMACs", "8Mparams"; "2ms..8ms" for a family;
            "3.8ms@t4" names its device, and several devices hold at once.
        device: device of a latency that names none: "t4", "cpu", or name or file of a table.
        space: search space, a name, a `.yaml` file or a `Space`; that of the template if None.
        template: scale of neck and head; chosen by budget if None.
        scope: part that the budgets limit: "detector" or "backbone".
        searcher: "evolution", "random", a class derived from `Searcher`, or a `functools.partial`
            of one with options; "exact" for the exact solver instead.
        evaluations: number of candidates to propose.
        seed: random seed.
        score: score to maximise: a `Score`, "max-entropy", "macs", "params", "layers", "ln-width",
            a `.yaml` file or "module:object".
        weights: weights of the score, one per resolution level; those of the score if None.
        layers: "auto" to choose the limit on layers by the optima under several; None for that of
            the template, or a budget such as "25layers".
        max_effectiveness: DeepMAD's limit on depth relative to width.
        points: number of networks of a family over a range.
        input_size: side of the input image in pixels, or (height, width); if None that of a space
            of your own, else that of the template.
        channels: number of channels of the images, 3 for RGB or 1 for grey; that of the space if
            None, which is 3 for those of maenas.
        num_classes: number of classes of the detector whose cost is limited; 80, as in the
            template, if None.
        data: data set that gives the number of classes instead.
        islands: number of populations that evolve separately and exchange their best networks.
        migrate_every: number of candidates of an island between two exchanges.
        finalists: number of networks that are also scored with random weights.
        finalist_seeds: number of random initialisations of each finalist.
        verify: number of finalists to measure on the device; the best that fits as measured wins.
        verify_with: command that measures a finalist instead and prints milliseconds, such as
            "./measure.sh {onnx}"; with several devices one "DEVICE=COMMAND" for each.
        verify_timeout: seconds after which that command is ended.
        rerank: score that needs forward passes and ranks the finalists again, a function of a
            backbone and a random seed, "naswot", "synflow", "zen", "zico", "expressivity",
            "progressivity", "trainability" or "max-entropy-forward"; the finalist that it ranks
            first becomes the result. None to keep the order of the search.
        blocks: block classes that spaces and specs may name from now on.
        workers: number of processes.
        ray: address of a Ray cluster to use; None for this machine.
        executor: executor of your own to use instead; it stays open.
        out: folder of the run; the next `runs/search/exp` if None.
        resume: continue the run in the folder.
        exist_ok: replace the run in the folder.
        given: names of the arguments that must agree with those of a resumed run; those that differ
            from their defaults if None.
    Raises:
        MaenasError: if two arguments exclude each other, an object has the name of another one, or
            no network meets the budgets.

    Example:
        >>> found = maenas.search(budget="3.8ms", device="t4", finalists=0)
        >>> round(found.best.score, 3), found.spec_path(found.best)
        (597.105, PosixPath('runs/search/exp/best.yaml'))
    """
    from maenas.backbone_search.effort import Effort
    from maenas.backbone_search.objects import (
        SearchObjects,
        take_blocks,
        take_score,
        take_searcher,
        take_space,
    )
    from maenas.backbone_search.plan import number_of_classes
    from maenas.backbone_search.run import run_search
    from maenas.runs.config import SearchConfig

    take_blocks(blocks)
    score_name, score_weights, score_object = take_score(score, weights)
    algorithm, factory = take_searcher(searcher)
    space_name, space_object = take_space(space)
    config = SearchConfig(
        budgets=budget_texts(budget),
        device=device,
        space=space_name,
        template=template,
        scope=scope,  # type: ignore[arg-type]
        algorithm=algorithm,
        evaluations=evaluations,
        seed=seed,
        score=score_name,
        weights=score_weights,
        layers=layers,  # type: ignore[arg-type]
        max_effectiveness=max_effectiveness,
        points=points,
        input_size=input_size,
        channels=channels,
        num_classes=number_of_classes(num_classes, None if data is None else Path(data)),
        islands=islands,
        migrate_every=migrate_every,
    )
    effort = Effort(
        workers=workers,
        ray=ray,
        finalists=finalists,
        finalist_seeds=finalist_seeds,
        verify=verify,
        verify_with=(verify_with,) if isinstance(verify_with, str) else tuple(verify_with),
        verify_timeout=verify_timeout,
        rerank=rerank,
        executor=executor,
    )
    objects = SearchObjects(score=score_object, searcher=factory, space=space_object)
    folder = None if out is None else Path(out)
    asked = changed_options(config) if given is None else given
    return run_search(config, folder, resume, exist_ok, effort, asked, objects)


def search_each(
    config: SearchConfig,
    spaces: Sequence[str | None],
    devices: Sequence[str | None],
    *,
    effort: Effort | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    exist_ok: bool = False,
    given: Collection[str] | None = None,
) -> Searches:
    """Search every space on every device, each in a folder of its own, and report on all.

    Args:
        config: all other settings that decide the result; its space and device are ignored.
        spaces: search spaces; None for that of the template.
        devices: devices that latency is predicted for; None if no budget is a latency.
        effort: number of workers, finalists and measurements, which do not change a search.
        out: folder of all runs; the next `runs/search/exp` if None.
        resume: keep finished searches and continue the others.
        exist_ok: replace the runs in the folder.
        given: names of the fields of the config that must agree with those of a resumed search;
            those that differ from their defaults if None.
    Raises:
        MaenasError: if two options exclude each other, or no search meets its budgets.

    Example:
        >>> config = maenas.SearchConfig(budgets=("1.5GFLOPs",), evaluations=20_000)
        >>> found = maenas.search_each(config, ["res", "mob"], [None])
        >>> [entry.name for entry in found.entries]
        ['res', 'mob']
    """
    from maenas.backbone_search.sweep import every, run_searches

    configs = every(config, spaces, devices)
    folder = None if out is None else Path(out)
    asked = changed_options(config) if given is None else given
    return run_searches(configs, folder, resume, exist_ok, effort, asked)


def search_portfolio(
    config: SearchConfig,
    portfolio: int = 3,
    spaces: Sequence[str | None] = (None,),
    templates: Sequence[str | None] = (None,),
    input_sizes: Sequence[InputSize] = (None,),
    *,
    effort: Effort | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    exist_ok: bool = False,
    given: Collection[str] | None = None,
) -> Portfolio:
    """Certified optima of several scores under the same budgets, far from each other.

    No score is an accuracy, and no formula orders trained networks best everywhere. A few short
    trainings of such networks (`maenas.race`) tell more than any score.

    Args:
        config: options of the search; its score gives the first network.
        portfolio: number of networks.
        spaces: search spaces that the portfolio spans; None for that of the template.
        templates: scales of neck and head that it spans; None to choose by budget.
        input_sizes: sides of the input that it spans; None for that of a space of your own, else
            that of the template.
        effort: number of workers, or a Ray cluster.
        out: folder of the portfolio; the next `runs/portfolio/exp` if None.
        resume: keep what the portfolio in the folder has solved, and solve the rest.
        exist_ok: replace the portfolio in the folder.
        given: names of the arguments, and of the fields of the config, that must agree with those
            of a resumed portfolio; those that differ from their defaults if None.
    Raises:
        MaenasError: if an option is wrong, or no network meets the budgets.

    Example:
        >>> config = maenas.SearchConfig(budgets=("1.5GMACs",))
        >>> found = maenas.search_portfolio(config, 3)
        >>> [(member.name, member.found.backbone.layers) for member in found.members]
    """
    from maenas.backbone_search.effort import Effort
    from maenas.backbone_search.portfolio.options import PortfolioOptions, Span
    from maenas.backbone_search.portfolio.run import run_portfolio

    span = Span(
        portfolio=portfolio,
        space=tuple(spaces),
        template=tuple(templates),
        input_size=tuple(input_sizes),
    )
    folder = None if out is None else Path(out)
    asked = changed_options(config) | changed_options(span) if given is None else given
    options = PortfolioOptions(config, span)
    return run_portfolio(options, folder, resume, exist_ok, effort or Effort(), asked)


def changed_options(config: SearchConfig | Span) -> frozenset[str]:
    """Names of the options that differ from their defaults."""
    from dataclasses import fields

    return frozenset(
        field.name for field in fields(config) if getattr(config, field.name) != field.default
    )


def budget_texts(budget: object) -> tuple[str, ...]:
    """The budgets as texts; a number without a unit is refused later, as on the command line."""
    if isinstance(budget, str) or not isinstance(budget, Iterable):
        return (str(budget),)
    return tuple(map(str, budget))
