"""Candidates by their latency on several devices."""

from __future__ import annotations

from maenas.backbone_search.report.part import Listed, SearchPart
from maenas.backbone_search.results.plots import axis_label
from maenas.nas.problem import PricedDevice
from maenas.report import Plane, Section, chart
from maenas.report.charts import data_of
from maenas.report.tables import paragraph


def devices_section(part: SearchPart, networks: Listed) -> Section:
    """A chart of latency against latency for each device beside the first."""
    first, *others = part.prepared.subproblem.problem.devices
    body, charts = "", {}
    for number, other in enumerate(others):
        name = f"devices-{part.name}-{number}"
        plane = _plane(part, networks, first, other)
        about = (
            f"Networks within all budgets by their latency on {first.name} and {other.name}, in a "
            "colour for their score, and each pair of limits"
        )
        body += paragraph(f"{about}.") + chart(name, about)
        charts[name] = data_of(plane)
    return Section(f"devices-{part.name}", part.title("Several devices"), body, charts)


def _plane(part: SearchPart, networks: Listed, first: PricedDevice, other: PricedDevice) -> Plane:
    problem = part.prepared.subproblem.problem
    # The first column of pairs of limits is the limit, so each latency is the last of its name.
    places = {axis: index for index, axis in enumerate(networks.axes)}
    labels = [f"{axis_label(problem, one.axis)[0]} [ms]" for one in (first, other)]
    limits = [found.limits for found, _ in networks.found]
    return Plane(
        group=part.name,
        x=places[first.axis],
        y=places[other.axis],
        x_label=labels[0],
        y_label=labels[1],
        cloud=networks.cells,
        found=[(networks.candidates.names[index], index) for _, index in networks.found],
        corners=[(each.get(first.axis), each.get(other.axis)) for each in limits],
    )
