"""Charts as typed data; the page draws them, a table beside each gives its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from maenas.report.tables import folded, table, text

SHOWN_DIGITS = 6


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of a curve that may stand for a network.

    Attributes:
        x: position.
        y: value.
        network: index of the network in the group of the chart; -1 for none.
    """

    x: float
    y: float
    network: int = -1


@dataclass(frozen=True, slots=True)
class Curve:
    """A named curve.

    Attributes:
        name: name in the legend.
        points: points from left to right.
        is_mean: whether it is the mean of the others, drawn thicker and in the colour of text.
    """

    name: str
    points: Sequence[CurvePoint]
    is_mean: bool = False


@dataclass(frozen=True, slots=True)
class Front:
    """Cost and score of networks of one space, with the certified front.

    Attributes:
        group: group of networks that the chart shows.
        x_label: cost with its unit.
        y_label: score with its unit.
        cloud: number of networks at the beginning of the group that form the cloud.
        best: networks that no other candidate beats in cost and score, by index.
        certified: upper bound on the score under each limit.
        found: results of the search: name and index.
        limits: budgets on the cost: name and value.
        published: cost, score and name of the published network; None if they do not compare.
    """

    kind: ClassVar[str] = "front"

    group: str
    x_label: str
    y_label: str
    cloud: int
    best: Sequence[int]
    certified: Sequence[CurvePoint]
    found: Sequence[tuple[str, int]]
    limits: Sequence[tuple[str, float]]
    published: tuple[float, float, str] | None = None


@dataclass(frozen=True, slots=True)
class Plane:
    """Two costs of networks of one space, the score as colour.

    Attributes:
        group: group of networks that the chart shows.
        x: index of the column along the horizontal axis.
        y: index of the column along the vertical axis.
        x_label: cost with its unit.
        y_label: cost with its unit.
        cloud: number of networks at the beginning of the group that form the cloud.
        found: results of the search: name and index.
        corners: pairs of limits; None for no limit.
    """

    kind: ClassVar[str] = "plane"

    group: str
    x: int
    y: int
    x_label: str
    y_label: str
    cloud: int
    found: Sequence[tuple[str, int]]
    corners: Sequence[tuple[float | None, float | None]]


@dataclass(frozen=True, slots=True)
class History:
    """Best score so far over the number of candidates.

    Attributes:
        group: group of networks that the curves name.
        y_label: score with its unit.
        curves: the search first, then what it is compared with.
        bounds: certified optima: name and value.
    """

    kind: ClassVar[str] = "history"

    group: str
    y_label: str
    curves: Sequence[Curve]
    bounds: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """Grouped bars, such as the latency of each stage of several networks.

    Attributes:
        unit: unit of the values.
        categories: names below the bars.
        series: name and values of each network.
    """

    kind: ClassVar[str] = "bars"

    unit: str
    categories: Sequence[str]
    series: Sequence[tuple[str, Sequence[float | None]]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Predicted against measured values.

    Attributes:
        unit: unit of both axes.
        points: name, predicted and measured value of each network.
        limit: budget; None without one.
    """

    kind: ClassVar[str] = "agreement"

    unit: str
    points: Sequence[tuple[str, float, float]]
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """Curves over a common axis, such as the losses of a training.

    Attributes:
        x_label: name of the axis.
        y_label: what the curves show.
        curves: curves.
        marks: whether points are marked and not joined.
    """

    kind: ClassVar[str] = "lines"

    x_label: str
    y_label: str
    curves: Sequence[Curve] = field(default_factory=tuple)
    marks: bool = False


Chart = Front | Plane | History | Bars | Agreement | Lines


def data_of(one: Chart) -> dict[str, Any]:
    """The data of a chart for the script of the page."""
    return {"kind": one.kind, **asdict(one)}


def chart(name: str, about: str, numbers: str = "", steps: bool = False, low: bool = False) -> str:
    """The place of a chart on the page.

    Args:
        name: id of the element, the key of its data in `Section.charts`.
        about: description for readers who do not see the chart.
        numbers: HTML with the numbers of the chart; "" for none.
        steps: whether buttons lead from one network of its front to the next.
        low: whether it is less high than others.
    """
    buttons = ""
    if steps:
        words = (("first", "Best"), ("back", "Cheaper"), ("on", "More expensive"))
        buttons = "".join(
            f'<button type="button" data-step="{step}" data-chart="{text(name)}">{word}</button>'
            for step, word in words
        )
        buttons = f'<div class="steps" role="group" aria-label="Select a network">{buttons}</div>'
    shown = folded("Numbers of this chart", numbers) if numbers else ""
    return (
        f'<figure><div class="chart{" low" if low else ""}" id="{text(name)}" role="img" '
        f'aria-label="{text(about)}"></div>{buttons}{shown}</figure>'
    )


def curve_table(caption: str, x_label: str, curves: Sequence[Curve]) -> str:
    """The numbers of curves with a common axis, a column for each curve."""
    known = [{point.x: point.y for point in curve.points} for curve in curves]
    places = sorted({x for curve in known for x in curve})
    rows = [
        [_number(x), *("" if x not in curve else _number(curve[x]) for curve in known)]
        for x in places
    ]
    head = [x_label, *(curve.name for curve in curves)]
    return table(caption, head, rows, numbers=range(len(head)))


def bar_table(caption: str, bars: Bars) -> str:
    """The numbers of bars, a row for each category."""
    rows = [
        [name, *("" if (v := values[index]) is None else _number(v) for _, values in bars.series)]
        for index, name in enumerate(bars.categories)
    ]
    head = ["", *(f"{name} [{bars.unit}]" for name, _ in bars.series)]
    return table(caption, head, rows, numbers=range(1, len(head)))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.{SHOWN_DIGITS}g}"
