"""Latency of networks by stage, neck and head, and of the best by layer."""

from __future__ import annotations

from dataclasses import dataclass

from maenas.backbone_search.plan import Subproblem, published
from maenas.backbone_search.report.part import SearchPart
from maenas.backbone_search.results.bounds import place
from maenas.backbone_search.results.result import Result
from maenas.blocks import Backbone, MaenasError, Op
from maenas.budgets import LatencyModel
from maenas.nas.problem import PricedDevice
from maenas.report import Bars, Section, chart, table
from maenas.report.charts import bar_table, data_of
from maenas.report.tables import folded, paragraph

MOST_NETWORKS = 5  # networks beside the published one whose bars still fit side by side


@dataclass(frozen=True, slots=True)
class PartOps:
    """A part of a network with its operators.

    Attributes:
        name: "stage 0" and so on, "neck" or "head".
        ops: deployed operators in order of execution.
    """

    name: str
    ops: tuple[Op, ...]


def parts_of(subproblem: Subproblem, backbone: Backbone) -> list[PartOps]:
    """The stages of a network, and neck and head if the budgets include them."""
    parts = [PartOps(f"stage {i}", tuple(ops)) for i, ops in enumerate(backbone.stage_ops())]
    if subproblem.problem.rest is not None:
        template, features = subproblem.template, backbone.feature_shapes()
        levels = template.neck.out_shapes(features)
        parts.append(PartOps("neck", tuple(template.neck.ops(features))))
        parts.append(PartOps("head", tuple(template.head.ops(levels))))
    return parts


def latency_sections(part: SearchPart, result: Result) -> list[Section]:
    """Bars of each stage, neck and head, beside the published network, for each device."""
    devices = part.prepared.subproblem.problem.devices
    return [
        _latency_section(part, result, device, f"-{number}" if number else "")
        for number, device in enumerate(devices)
    ]


def _latency_section(
    part: SearchPart, result: Result, priced_on: PricedDevice, suffix: str
) -> Section:
    subproblem, device = part.prepared.subproblem, priced_on.model
    found = [one for one in result.networks if one.subproblem is subproblem][-MOST_NETWORKS:]
    networks = [
        ("best network" if one is result.best else one.label, one.backbone) for one in found
    ]
    known = published(subproblem)
    if known is not None:
        networks.append((f"damo-yolo-{part.name}", known))
    priced = [(name, parts_of(subproblem, backbone)) for name, backbone in networks]
    longest = max((parts for _, parts in priced), key=len)
    names = [one.name for one in longest]
    bars = Bars("ms", names, [(name, _ms(parts, names, device)) for name, parts in priced])
    anchor = f"latency-{part.name}{suffix}"
    about = (
        f"Latency of each stage, neck and head, {device.claim} on {priced_on.name}: "
        + ", ".join(f"{name} {sum(v or 0 for v in values):.3f} ms" for name, values in bars.series)
    )
    body = paragraph(about + ".") + chart(anchor, about, bar_table("Milliseconds by part", bars))
    name, parts = priced[len(found) - 1]
    body += folded(f"Every operator: {name}", _layers(parts, device))
    title = part.title(f"Latency by stage{place(subproblem.problem, priced_on.axis)}")
    return Section(f"{anchor}-section", title, body, {anchor: data_of(bars)})


def _ms(parts: list[PartOps], names: list[str], device: LatencyModel) -> list[float | None]:
    known = {part.name: device.latency_ms(part.ops) for part in parts}
    return [known.get(name) for name in names]


def _layers(parts: list[PartOps], device: LatencyModel) -> str:
    from maenas.budgets.pricing.kernels import kernel_of
    from maenas.latency.predict import shapes_of

    total = sum(device.latency_ms(part.ops) for part in parts)
    rows = []
    for part in parts:
        for index, op in enumerate(part.ops):
            ms = device.op_ms(op)
            share = f"{100 * ms / total:.1f} %" if total else ""
            guess = _guess(device, op)
            kernel, name = str(kernel_of(op)), f"{part.name}.{index}"
            rows.append([name, kernel, shapes_of(op), f"{ms:.4f}", share, guess])
    head = ["layer", "kernel", "shapes", "ms", "share", "extrapolated because"]
    if not any(row[-1] for row in rows):
        head, rows = head[:-1], [row[:-1] for row in rows]
    return table("Operators in order of execution", head, rows, numbers=(3, 4))


def _guess(device: LatencyModel, op: Op) -> str:
    try:
        return device.guess(op) or ""
    except MaenasError:
        return ""
