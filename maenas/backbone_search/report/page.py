"""The page of one search."""

from __future__ import annotations

from collections.abc import Sequence

from maenas.backbone_search.report.charts import front_section, history_section
from maenas.backbone_search.report.depths import depths_section
from maenas.backbone_search.report.devices import devices_section
from maenas.backbone_search.report.latency import latency_sections
from maenas.backbone_search.report.part import SearchPart, listed
from maenas.backbone_search.report.summary import (
    budgets_section,
    chosen,
    commands_section,
    finalists_section,
    measured_section,
    networks_section,
    provenance_section,
    summary_section,
)
from maenas.backbone_search.results.result import Result
from maenas.blocks.backbone_file import backbone_text
from maenas.report import Page, PlainNetwork, Section, foot, page_text, selected_section


def report_text(result: Result, parts: Sequence[SearchPart]) -> str:
    """The HTML of the report of a search."""
    best = result.best
    problem = best.subproblem.problem
    names = " and ".join(device.name for device in problem.devices)
    where = f" on {names}" if names else ""
    lead = (
        f"The best backbone of space {problem.space.name} at scale {best.subproblem.template.name} "
        f"within {' and '.join(budget.text for budget in problem.budgets)}{where}, found without "
        "training."
    )
    budgets = ", ".join(budget.text for budget in problem.budgets[:1])
    title = f"maenas search: scale {best.subproblem.template.name}, {budgets}{where}"
    return page_text(Page(title, lead, search_sections(result, parts), foot()))


def search_sections(result: Result, parts: Sequence[SearchPart]) -> list[Section]:
    """The sections of a search, also for pages that go on with a training."""
    tables = [listed(part, result) for part in parts]
    places = {
        number: (part.name, index)
        for part, networks in zip(parts, tables, strict=True)
        for one, index in networks.found
        for number, found in enumerate(result.networks)
        if one is found
    }
    problem = result.best.subproblem.problem
    group, index = places[len(result.networks) - 1]
    best = PlainNetwork("best network", result.best.backbone, chosen(result.best))
    sections = [summary_section(result), budgets_section(result)]
    for part, networks in zip(parts, tables, strict=True):
        sections.append(front_section(part, networks, result))
        if problem.further:
            sections.append(devices_section(part, networks))
    sections.append(networks_section(result, places))
    sections += depths_section(result)
    sections.append(selected_section(best, backbone_text(best.backbone), group, index))
    for part, networks in zip(parts, tables, strict=True):
        sections += [history_section(part, networks), *latency_sections(part, result)]
    sections += measured_section(result)
    sections += finalists_section(result)
    return [*sections, commands_section(result), provenance_section(result)]
