"""Turns the options of a search into the problems that it solves."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import exp, inf, log
from pathlib import Path

from maenas.backbone_search.depth import DepthPoint, depth_front, with_cap
from maenas.backbone_search.objects import SearchObjects
from maenas.backbone_search.priced_devices import SearchDevices, search_devices
from maenas.blocks import Backbone, SpecError, load_backbone
from maenas.budgets import Budget
from maenas.budgets.image_size import image_shape
from maenas.detector import Template, load_template, template_names
from maenas.detector.model.spec import assemble, identity_text
from maenas.nas import EXACT, Evolution, MaxEntropy, Problem, SearcherFactory, load_searcher
from maenas.runs.config import SearchConfig, digest
from maenas.runs.templates import choose_template
from maenas.search_spaces import Space, load_space, own_size


@dataclass(frozen=True, slots=True)
class Subproblem:
    """One search: a problem and its limits; the search returns a network for each limit.

    Attributes:
        template: scale of neck and head, with its layer budget.
        problem: space, score and budgets.
        limits: ascending limits on `problem.ranged`.
        searcher: factory of the searcher; the exact solver needs none.
        depths: optima under several limits on layers; () unless the limit is chosen by them.
    """

    template: Template
    problem: Problem
    limits: tuple[float, ...]
    searcher: SearcherFactory = Evolution
    depths: tuple[DepthPoint, ...] = ()


def plan(config: SearchConfig, objects: SearchObjects | None = None) -> list[Subproblem]:
    """The subproblems of a search: one, or for a range one for each template that it spans.

    Args:
        config: options of the search.
        objects: objects that replace what the options name.
    Raises:
        MaenasError: for invalid budgets, device, space or template.
    """
    devices = search_devices(config)
    subproblems: list[tuple[str, list[tuple[Budget, ...]]]] = []
    for point in _points(devices.budgets, config.points):
        name = config.template or choose_template(
            point, devices.device, config.scope, devices.further
        )
        if not subproblems or subproblems[-1][0] != name:
            subproblems.append((name, []))
        subproblems[-1][1].append(point)
    given = objects or SearchObjects()
    return [_subproblem(config, given, devices, name, points) for name, points in subproblems]


def fingerprint(subproblems: list[Subproblem], objects: SearchObjects | None = None) -> str:
    """A digest of what a result depends on beside the options: space, template, device."""
    parts = []
    for subproblem in subproblems:
        problem = subproblem.problem
        device = "" if problem.device is None else repr(problem.device)
        template = subproblem.template  # a file may be named from another working folder
        template = replace(template, name=Path(template.name).name)
        parts += [repr(problem.space), identity_text(asdict(template)), device]
        parts += [f"{name}: {model!r}" for name, model in problem.further.items()]
        if not isinstance(problem.score, MaxEntropy):  # its weights are options already
            parts.append(repr(problem.score))
    if objects is not None:
        parts += objects.digests()
    return digest(*parts)


def published(subproblem: Subproblem) -> Backbone | None:
    """The published backbone of the subproblem's scale and input shape; None without one."""
    if subproblem.template.name not in template_names():
        return None
    backbone = load_backbone(f"zoo:damo-yolo-{subproblem.template.name}")
    return backbone if backbone.in_shape == subproblem.problem.space.in_shape else None


def _points(budgets: tuple[Budget, ...], count: int) -> list[tuple[Budget, ...]]:
    """The budgets, or for ranges `count` sets of budgets with limits in geometric steps."""
    if budgets[0].low is None:
        return [budgets]
    if count < 2:
        raise SpecError(f"search: a range needs at least 2 points, got {count}.")
    limits = [_limits(budget, count) for budget in budgets]
    return [
        tuple(
            replace(budget, limit=limit, low=None)
            for budget, limit in zip(budgets, point, strict=True)
        )
        for point in zip(*limits, strict=True)
    ]


def _limits(budget: Budget, count: int) -> list[float]:
    """The limits of a budget at each point: in geometric steps over its range, if it has one."""
    if budget.low is None:
        return [budget.limit] * count
    ratio = log(budget.limit / budget.low) / (count - 1)
    return [budget.low * exp(ratio * index) for index in range(count - 1)] + [budget.limit]


def _subproblem(
    config: SearchConfig,
    objects: SearchObjects,
    devices: SearchDevices,
    name: str,
    points: list[tuple[Budget, ...]],
) -> Subproblem:
    template = load_template(name).with_classes(config.num_classes)
    space = objects.space or load_space(config.space or template.space)
    size = config.input_size or own_size(objects.space or config.space)
    channels = config.channels or space.in_shape[0]
    space = replace(space, in_shape=image_shape(size or template.in_shape[1:], channels))
    if config.scope == "detector":
        _require_detectors(space, template)
    budgets = points[-1]
    limits = tuple(point[0].limit for point in points)
    if len(points) > 1:
        budgets = tuple(
            last if first.limit == last.limit else replace(last, low=first.limit)
            for first, last in zip(points[0], budgets, strict=True)
        )
    if all(budget.quantity != "layers" for budget in budgets):
        text = f"{template.layers}layers"
        budgets = (*budgets, Budget("layers", template.layers, text))
    problem = Problem(
        space=space,
        budgets=budgets,
        device=devices.device,
        further=devices.further,
        rest=template.ops if config.scope == "detector" else None,
        score=objects.score or config.load_score(),
        max_effectiveness=config.max_effectiveness,
    )
    searcher = objects.searcher or (
        Evolution if config.algorithm == EXACT else load_searcher(config.algorithm)
    )
    if config.layers is None:
        return Subproblem(template, problem, limits, searcher)
    if config.limits_layers:
        raise SpecError("search: --layers auto chooses the limit; leave the budget on layers out.")
    depths = depth_front(problem, template.layers)
    problem = replace(problem, budgets=with_cap(problem, depths))
    return Subproblem(template, problem, limits, searcher, tuple(depths))


def _require_detectors(space: Space, template: Template) -> None:
    """Raise `SpecError` if no detector can be made with the networks of a space."""
    try:
        assemble(space.decode(space.origin), template)
    except SpecError as error:
        message = str(error).removeprefix("backbone.")
        raise SpecError(f"space {space.name}: {message}") from None


def number_of_classes(typed: int | None, data: Path | None) -> int | None:
    """The number of classes of the detector to price; None if neither argument gives it.

    Args:
        typed: number of classes given on the command line.
        data: data set that the detector will be trained on.
    Raises:
        MaenasError: if the data set cannot be read or has another number of classes.
    """
    if data is None:
        return typed
    from maenas.detector.data.readers.read import names_of

    found = len(names_of(data))
    if typed is not None and typed != found:
        raise SpecError(f"num_classes: {data} has {found} classes, got {typed}; leave one out.")
    return found


def depth_limits(problem: Problem) -> str:
    """A line with the limits on layers and on units per stage."""
    caps = "/".join(map(str, problem.space.depth_caps))
    return f"at most {problem.limit('layers') or inf:.0f} layers, {caps} units per stage"
