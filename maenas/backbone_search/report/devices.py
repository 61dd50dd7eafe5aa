"""Candidates by their latency on several devices, as the plot in the folder shows them."""

from __future__ import annotations

import base64

from maenas.backbone_search.report.part import SearchPart
from maenas.backbone_search.results.devices_plot import DEVICES_PLOT
from maenas.backbone_search.results.result import Result
from maenas.report import Section
from maenas.report.tables import paragraph, text


def devices_section(part: SearchPart, result: Result) -> Section:
    """The plot of latency against latency, which was written before."""
    folder = result.folder if part.parts == 1 else result.folder / part.name
    image = base64.b64encode((folder / DEVICES_PLOT).read_bytes()).decode()
    names = " and ".join(device.name for device in part.prepared.subproblem.problem.devices)
    about = f"Latency of all candidates within the budgets on {names}, and each pair of limits"
    plot = f'<img alt="{text(about)}" src="data:image/png;base64,{image}">'
    body = paragraph(f"{about}.") + plot
    return Section(f"devices-{part.name}", part.title("Several devices"), body)
